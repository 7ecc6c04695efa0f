import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from ekg.errors import ImageError
from ekg.hackathon.images import ColourSource, HackathonPainter, draw_images, read_colour_image
from ekg.simulator import simulate_record

SECONDS = 5.0


def write_wfdb(folder, name, signal, rate):
    """A record in the form of ptbdb's, twelve signals alone."""
    values = np.round(signal * 2000).astype("<i2")
    (folder / f"{name}.dat").write_bytes(np.ascontiguousarray(values.T).tobytes())
    leads = ["i", "ii", "iii", "avr", "avl", "avf", *(f"v{n}" for n in range(1, 7))]
    lines = [f"{name} 12 {rate} {values.shape[1]}"]
    lines += [f"{name}.dat 16 2000 16 0 {row[0]} 0 0 {lead}" for lead, row in zip(leads, values)]  # noqa: B905
    (folder / f"{name}.hea").write_text("\n".join(lines) + "\n")
    return folder / f"{name}.hea"


@pytest.fixture(scope="module")
def slices():
    signal, _, _ = simulate_record("A", 1, ("Normal",), sampling_frequency=200, seconds=12)
    return [signal[:, :1000], 3 * signal[:, 1000:2000]]


@pytest.fixture(scope="module")
def painter():
    return HackathonPainter(sampling_frequency=200, seconds=SECONDS)


def test_a_image_does_not_depend_on_those_before(painter, slices):
    first, second = (painter.draw_large(one) for one in slices)
    assert first.shape == (800, 800, 3)
    assert first.dtype == np.uint8
    assert not np.array_equal(first, second)
    assert np.array_equal(painter.draw_large(slices[0]), first)
    with mpl.rc_context({"axes.facecolor": "black", "lines.linewidth": 9, "font.size": 30}):
        assert np.array_equal(HackathonPainter(200, SECONDS).draw_large(slices[0]), first)


def test_twelve_panels_in_the_colours_of_the_cycle(painter, slices):
    image = painter.draw_large(slices[0]).astype(int)
    cycle = mpl.rcParamsDefault["axes.prop_cycle"].by_key()["color"]
    rows = []
    for colour in cycle:
        near = np.abs(image - np.round(255 * np.array(to_rgb(colour)))).max(axis=2) < 12
        # Only inside the axes: the grid's greys are near the cycle's own grey.
        rows.append(np.flatnonzero(near.sum(axis=1)))
        assert near.any(), f"no trace of colour {colour}"
    tops = [row.min() for row in rows]
    # I and II share their colours with V5 and V6, the last two panels.
    assert tops[:7] == sorted(tops[:7])
    assert rows[0].max() > rows[8].max()
    assert rows[1].max() > rows[9].max()
    panels = painter._axes
    assert len(panels) == 12
    assert len({axes.get_ylim() for axes in panels}) == 1
    assert panels[-1].get_xlabel() == "Time [S]"
    low, high = panels[0].get_ylim()
    assert low < slices[0].min() < slices[0].max() < high


def test_the_small_image_is_the_large_one_resized(painter, slices):
    small = painter.draw(slices[0])
    assert small.shape == (224, 224, 3)
    assert abs(small.mean() - painter.draw_large(slices[0]).mean()) < 1


def test_a_wrong_slice_is_refused(painter, slices):
    with pytest.raises(ImageError, match="12 leads of 1000"):
        painter.draw(slices[0][:, :-1])
    with pytest.raises(ImageError, match="not numbers"):
        painter.draw(np.where(slices[0] > 0, np.nan, slices[0]))


@pytest.fixture
def planned(tmp_path):
    """Two records, one of which is cut short, and three planned images."""
    records = tmp_path / "records"
    records.mkdir()
    headers = {}
    for name in ("good", "short"):
        signal, _, _ = simulate_record(name, 1, ("Normal",), sampling_frequency=200, seconds=8)
        headers[name] = write_wfdb(records, name, signal, 200)
    short = records / "short.dat"
    short.write_bytes(short.read_bytes()[:-100])
    rows = [("all/a/good-s00.png", "good", 0), ("all/a/good-s01.png", "good", 500)]
    rows.append(("all/b/short-s00.png", "short", 0))
    images = pd.DataFrame(rows, columns=["image", "record", "start"])
    return tmp_path / "out", images.assign(sampling_frequency=200.0), headers


def test_drawing_a_set(planned):
    out, images, headers = planned
    options = {"seconds": SECONDS, "size": 64, "seed": 1}
    failed = draw_images(out, images, headers, **options)
    assert list(failed) == ["short"]
    assert "truncated" in failed["short"]
    good = images[images["record"] == "good"]
    pictures = ColourSource(out, good, 64).read(np.array([1, 0]), 0)
    assert pictures.shape == (2, 3, 64, 64)
    assert np.array_equal(pictures[1], read_colour_image(out / "all/a/good-s00.png", 64))

    # Only what is missing is drawn again, with the same pixels.
    kept, lost = out / "all/a/good-s00.png", out / "all/a/good-s01.png"
    before = kept.stat().st_mtime_ns
    lost.unlink()
    assert draw_images(out, good, headers, **options) == {}
    assert kept.stat().st_mtime_ns == before
    assert np.array_equal(read_colour_image(lost, 64), pictures[0])
    with pytest.raises(ImageError, match="choose another folder"):
        draw_images(out, good, headers, seconds=SECONDS, size=32, seed=1)


def test_unusable_images_are_refused(tmp_path):
    path = tmp_path / "x.png"
    with pytest.raises(ImageError, match="image not found"):
        read_colour_image(path, 8)
    Image.fromarray(np.zeros((8, 9, 3), np.uint8)).save(path)
    with pytest.raises(ImageError, match="9 x 8 pixels"):
        read_colour_image(path, 8)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ImageError, match="not a usable image"):
        read_colour_image(path, 8)


def test_a_real_record_is_drawn(shared):
    from ekg.records.record import read_record

    signal = read_record(shared / "real" / "ptbdb" / "s0010_re.hea", 1000).signal
    image = HackathonPainter().draw(signal[:, :5000])
    assert image.shape == (224, 224, 3)
    assert 200 < image.mean() < 254
    assert (image.max(axis=2).astype(int) - image.min(axis=2) > 60).any()
