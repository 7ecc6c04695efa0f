import io

import numpy as np
import pytest
from PIL import Image

from ekg.errors import ImageError
from ekg.images.image_checks import ImageChecker, read_external_image
from ekg.images.renderer import Renderer

SIZE = 400


@pytest.fixture(scope="module")
def renderer():
    return Renderer(SIZE)


@pytest.fixture(scope="module")
def checker(renderer):
    return ImageChecker(renderer)


@pytest.fixture(scope="module")
def image(renderer, limb_consistent_signal):
    return renderer.draw(limb_consistent_signal(seconds=2.5))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P"])
@pytest.mark.parametrize("name", ["strip.png", "scan 7 (copy)", "x.y.z"])
def test_grey_in_any_mode_under_any_name(tmp_path, image, mode, name):
    Image.fromarray(image).convert(mode).save(tmp_path / name, "PNG")
    assert np.array_equal(read_external_image(tmp_path / name, SIZE), image)


def damaged(path):
    path.write_bytes(path.read_bytes()[:-2000])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p, path: path.write_text("EKG"), "is not a usable image"),
        (lambda p, path: Image.fromarray(p[:, :99]).save(path), "has 99 x 400 pixels"),
        (lambda p, path: (Image.fromarray(p).save(path), damaged(path)), "is corrupt"),
        (
            lambda p, path: Image.merge(
                "RGB", [Image.fromarray(p), Image.fromarray(p), Image.fromarray(p // 2)]
            ).save(path),
            "has colours",
        ),
        (
            lambda p, path: Image.fromarray(
                np.dstack([p, p, p, np.full_like(p, 128)]), "RGBA"
            ).save(path),
            "transparent",
        ),
        (
            lambda p, path: Image.fromarray(p.astype(np.uint16) * 257).save(path),
            "has 16 bits a channel",
        ),
    ],
)
def test_other_files_are_refused(tmp_path, image, make, words):
    path = tmp_path / "strip.png"
    make(image, path)
    with pytest.raises(ImageError, match=f"strip.png: .*{words}"):
        read_external_image(path, SIZE)


def test_an_exact_image_passes_without_a_word(checker, image):
    assert checker.check(image) == []


@pytest.mark.parametrize("quality", [60, 95])
def test_lossy_compression_is_mentioned(checker, image, quality):
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    (warning,) = checker.check(np.array(Image.open(stream)))
    assert "not the training images' exact pixels" in warning


def gradient():
    return np.tile(np.linspace(0, 255, SIZE).astype(np.uint8), (SIZE, 1))


@pytest.mark.parametrize(
    "change",
    [
        lambda p: np.full_like(p, 255),
        lambda p: np.zeros_like(p),
        lambda p: 255 - p,
        lambda p: np.roll(p, 4, axis=1),
        lambda p: np.rot90(p),
        lambda p: gradient(),
        lambda p: np.random.default_rng(0).integers(0, 256, p.shape, dtype=np.uint8),
        lambda p: np.where(p < 100, 0, 255).astype(np.uint8),
    ],
    ids=["white", "black", "negative", "shifted", "turned", "photo", "noise", "no grid"],
)
def test_images_of_another_kind_are_refused(checker, image, change):
    with pytest.raises(ImageError, match="not an image of the network's kind"):
        checker.check(np.ascontiguousarray(change(image)), "some.png")


def test_an_empty_strip_is_refused(checker, renderer):
    with pytest.raises(ImageError, match="shows no traces"):
        checker.check(renderer.draw(np.full((12, 1250), 50.0)))


def test_level_and_cut_traces_are_named(checker, renderer, limb_consistent_signal):
    signal = limb_consistent_signal(seconds=2.5)
    signal[3] = 0.2
    signal[7] *= 9 / np.abs(signal[7]).max()
    assert checker.check(renderer.draw(signal)) == [
        "flat: aVR",
        "clipped at the panel's edge: V2",
    ]


def test_a_image_is_read_like_its_record(predictor, tmp_path, limb_consistent_signal):
    drawn = predictor.renderer.draw(limb_consistent_signal(seconds=2.5))
    Image.fromarray(drawn).save(tmp_path / "any name.png")
    prediction = predictor.predict_image_file(tmp_path / "any name.png")
    expected = predictor.engine.probabilities(drawn[None])[0]
    assert prediction.record == "any name"
    assert list(prediction.probabilities.values()) == pytest.approx(list(expected))
    assert [s.start for s in prediction.slices] == [None]
    assert prediction.spread is None
