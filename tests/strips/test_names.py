"""The network of lead names: what it names, and what it leaves alone."""

import numpy as np
import pytest

from ekg.strips.learn.name_samples import name_sample
from ekg.strips.names import HEIGHT, NAMES, WIDTH, classify_names, prepared
from ekg.strips.simulate.drawing import Canvas
from ekg.strips.simulate.lettering import HELD_OUT_FONTS, lettering


def word(text, font="DejaVuSans", height=2.5):
    letters = lettering(text, font, height)
    left, top, right, bottom = letters.box
    canvas = Canvas(right - left + 0.5, bottom - top + 0.5, 6.0)
    canvas.letters(letters, 0.25 - left, 0.25 - top)
    return canvas.coverage() / 255


@pytest.mark.parametrize("font", ["DejaVuSans", "STIXGeneral", "plotter", *HELD_OUT_FONTS])
def test_every_lead_is_named_in_fonts_of_training_and_others(font):
    found = classify_names([word(name, font) for name in NAMES[:-1]])
    right = [NAMES[row.argmax()] == name for row, name in zip(found, NAMES, strict=False)]
    assert sum(right) >= len(right) - 1


def test_words_that_are_no_lead_are_not_named():
    texts = ["25 mm/s", "10 mm/mV", "Name:", "72", "QRS", "aV", "BPM", "ms", "Report", "V"]
    found = classify_names([word(text) for text in texts])
    assert (found[:, NAMES.index("other")] > 0.5).mean() >= 0.9


def test_a_name_upside_down_or_on_its_side_is_not_named():
    names = ["aVR", "aVL", "aVF", "V1", "V2", "V4", "V5"]
    for turns in (1, 2, 3):
        found = classify_names([np.rot90(word(name), turns) for name in names])
        assert (found[:, NAMES.index("other")] > 0.5).mean() > 0.8


def test_words_of_held_out_fonts_with_noise_and_grid_are_told_apart():
    pairs = [name_sample(str(number), 77, held_out=True) for number in range(400)]
    crops = np.stack([inputs for inputs, _ in pairs])
    import onnxruntime

    from ekg.strips import names

    session = onnxruntime.InferenceSession(str(names._WEIGHTS))
    (logits,) = session.run(None, {"ink": crops})
    assert (logits.argmax(axis=1) == [label for _, label in pairs]).mean() > 0.95


def test_probabilities_are_in_the_order_of_the_crops_and_sum_to_one():
    crops = [word("V1"), word("aVF"), word("II")]
    forward, backward = classify_names(crops), classify_names(crops[::-1])
    assert forward == pytest.approx(backward[::-1], abs=1e-5)
    assert forward.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert classify_names([]).shape == (0, len(NAMES))


@pytest.mark.parametrize("shape", [(1, 1), (0, 5), (300, 4), (4, 300), (15, 40)])
def test_a_crop_of_any_shape_becomes_one_input(shape):
    inputs = prepared(np.ones(shape))
    assert inputs.shape == (2, HEIGHT, WIDTH) and np.isfinite(inputs).all()
