"""The verbs images, counts and render, and the front for the original's options."""

import importlib.util
import re

import numpy as np
import pytest
from PIL import Image

from ekg.cli import main
from ekg.images.image_set import make_image_set, read_image, read_manifest
from ekg.images.record_images import ImageSetConfig


def test_images_says_what_it_did(records, tmp_path, capsys, write_record):
    write_record(records, "X1", None)
    out = tmp_path / "set"
    command = ["images", "--records", str(records), "--out", str(out), "--size", "32", "-j", "1"]
    assert main([*command, "--pack", "--dataset", "trial"]) == 0
    output = capsys.readouterr()
    images = len(read_manifest(out))
    assert re.fullmatch(
        rf".*: {images} images of 8 records \(\w+ \d+, \w+ \d+\); 3 records excluded, 1 skipped "
        r"\(see records\.csv\); 8 with warnings \(its column `warnings`\)",
        output.out.splitlines()[-1],
    )
    assert "skipped X1: no diagnosis in the header" in output.err
    assert '"dataset": "trial"' in (out / "dataset.json").read_text()
    assert main([*command, "--strict"]) == 2
    assert "X1.hea: skipped: no diagnosis" in capsys.readouterr().err
    assert main([*command[:5], "--size", "5"]) == 2
    assert "choose a size from 16 to 2048" in capsys.readouterr().err


def test_counts_in_the_published_form(records, tmp_path, capsys, write_record):
    for name in ("N1", "N2", "N3", "N4"):
        write_record(records, name, "Normal", samples=4000)
    out = tmp_path / "set"
    make_image_set(records, out, ImageSetConfig(size=32))
    expected = '"AF",10\n"Normal",8\n"RBBB",8\n'
    for place in (out, out / "all", out / "manifest.csv"):
        assert main(["counts", str(place)]) == 0
        assert capsys.readouterr().out == expected
    (out / "manifest.csv").unlink()
    assert main(["counts", str(out)]) == 0
    assert capsys.readouterr().out == expected, "folders of files are counted as they are"


@pytest.mark.parametrize("place", ["none", "empty"])
def test_counts_of_nothing(tmp_path, capsys, place):
    (tmp_path / "empty").mkdir()
    assert main(["counts", str(tmp_path / place)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert place in output.err


def test_render_gives_the_image_of_the_set(records, tmp_path):
    make_image_set(records, tmp_path / "set", ImageSetConfig(size=64), limit=1)
    row = read_manifest(tmp_path / "set").iloc[1]
    out = tmp_path / "new" / "one.png"
    middle = tmp_path / "middle.png"
    assert main(["render", str(records / "S10"), "-o", str(middle)]) == 0
    explicit = ["render", str(records / "S10"), "--start", str((7200 - 1250) // 2), "-o"]
    assert main([*explicit, str(tmp_path / "explicit.png")]) == 0
    assert middle.read_bytes() == (tmp_path / "explicit.png").read_bytes()
    command = ["render", str(records / row["record"]), "--start", str(row["start"])]
    assert main([*command, "--size", "64", "-o", str(out)]) == 0
    np.testing.assert_array_equal(read_image(out), read_image(tmp_path / "set" / row["image"]))


@pytest.mark.parametrize("style", ["labelled", "clinical"])
def test_images_for_people(records, tmp_path, style):
    command = ["render", str(records / "S10"), "--start", "100", "--style", style]
    for name in ("a.png", "a.pdf"):
        assert main([*command, "-o", str(tmp_path / name)]) == 0
    pdf = (tmp_path / "a.pdf").read_bytes()
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", pdf)
    assert box is not None
    width, height = (float(side) / 72 * 25.4 for side in box.groups())
    with Image.open(tmp_path / "a.png") as image:
        assert image.info["Comment"] == "Not for clinical use"
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
        if style == "clinical":
            assert image.size == (2970, 2100)
            assert (width, height) == pytest.approx((297, 210)), "A4, so that 1 mm is 1 mm"
            dots_per_mm = image.info["dpi"][0] / 25.4
            assert dots_per_mm == pytest.approx(10, rel=1e-3)
            assert (pixels == (255, 243, 241)).all(axis=1).mean() > 0.3, "pink paper"
        else:
            assert image.size == (1400, 1400)


def test_the_same_slice_gives_the_same_file(records, tmp_path):
    command = ["render", str(records / "S1"), "--start", "0", "--style", "clinical"]
    for name in ("a.pdf", "b.pdf"):
        assert main([*command, "-o", str(tmp_path / name)]) == 0
    assert (tmp_path / "a.pdf").read_bytes() == (tmp_path / "b.pdf").read_bytes()


def test_clinical_scale(write_record, tmp_path):
    """1 mV and 1 s measure 10 mm and 25 mm on the page, calibration pulse included."""
    from ekg.images.display import Sheet, make_clinical_figure
    from ekg.images.paper_figure import matplotlib_defaults
    from ekg.records.record import read_record

    record = read_record(write_record(tmp_path, "A1", samples=10_000))
    with matplotlib_defaults():
        figure = make_clinical_figure(record, 6000, 1250)
        axes = figure.axes[0]
    mm = 72 / 25.4
    figure.set_dpi(72)
    origin = axes.transData.transform((0, 0))
    assert (axes.transData.transform((1, 1)) - origin) / mm == pytest.approx([1, 1])
    traces = [line for line in axes.lines if line.get_xdata().size == 1250]
    assert len(traces) == 12
    x, y = traces[0].get_data()
    assert x[500] - x[0] == pytest.approx(25)
    np.testing.assert_allclose(np.diff(y), 10 * np.diff(record.signal[0, 6000:7250]))
    pulses = [line for line in axes.lines if line.get_xdata().size == 6]
    assert len(pulses) == 4
    assert {float(np.ptp(line.get_ydata())) for line in pulses} == {10.0}
    (strip,) = [line for line in axes.lines if line.get_xdata().size == 5000]
    x, y = strip.get_data()
    np.testing.assert_allclose(np.diff(y), 10 * np.diff(record.signal[1, 4125:9125]))
    assert x[-1] < Sheet().grid_width


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--start", "6000", "-o", "a.png"], "give a start from 0 to 5950"),
        (["--start", "-1", "-o", "a.png"], "from sample -1"),
        (["--start", "0", "-o", "a.pdf"], "give the file .png"),
        (["--start", "0", "-o", "a.jpg", "--style", "clinical"], "give the file .png or .pdf"),
        (["--start", "0", "-o", "a.png", "--size", "9"], "from 16 to 2048"),
        (["--start", "0", "-o", "a.png", "--size", "9", "--style", "labelled"], "from 100"),
    ],
)
def test_render_refuses(records, tmp_path, capsys, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    assert main(["render", str(records / "S10"), *options]) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["hospital"]


@pytest.fixture
def preprocessing(root):
    spec = importlib.util.spec_from_file_location("front", root / "scripts" / "preprocessing.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_options_of_the_original(preprocessing, records, tmp_path, capsys):
    folders = ["-i", str(records), "-o", str(tmp_path), "-s", "32"]
    assert preprocessing.main([*folders, "-j", "1"]) == 0
    manifest = read_manifest(tmp_path / "im_res_32")
    make_image_set(records, tmp_path / "same", ImageSetConfig(size=32))
    assert manifest.equals(read_manifest(tmp_path / "same"))

    other = tmp_path / "other"
    folders[3] = str(other)
    assert (
        preprocessing.main(
            [
                *folders,
                "--slice_time_range",
                "1.0",
                "--sampling_freq",
                "250",
                "--n_slices_max",
                "2",
                "--utilization_fraction",
                "0.5",
                "--seed",
                "1",
                "-n",
                "9",
                "--no-drop_multi",
                "--no-drop_PAC_PVC",
            ]
        )
        == 0
    )
    manifest = read_manifest(other / "im_res_32")
    assert manifest["record"].nunique() == 9
    assert manifest["slice"].max() == 1
    assert manifest["start"].max() > 0
    assert "AF+RBBB" in set(manifest["diagnosis"])


def test_debugging_and_errors_of_the_front(preprocessing, records, tmp_path, capsys):
    folders = ["-i", str(records), "-o", str(tmp_path), "-s", "32"]
    assert preprocessing.main([*folders, "-j", "9", "--debug"]) == 0
    assert "images of 8 records" in capsys.readouterr().out
    assert preprocessing.main(["-i", str(tmp_path / "none"), "-o", str(tmp_path)]) == 2
    assert "folder not found" in capsys.readouterr().err
    defaults = preprocessing.build_parser().parse_args(["-j", "22"])
    assert (defaults.size, defaults.processes, defaults.drop_multi) == (800, 22, True)
    assert defaults.input_path.as_posix() == "data/cpsc2018/records"
