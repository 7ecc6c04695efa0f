"""Image sets and evaluations of records at an address: as of the same files in a folder."""

import shutil
import sys

import numpy as np
import pytest

from ekg.cli import main
from ekg.images import drawing_run
from ekg.images.pack import open_pack
from ekg.records.opening import named_records, read_header, read_record
from tests.served import served

pytest.importorskip("fsspec", reason="the extra `cluster` is not installed")
pytest.importorskip("aiohttp", reason="the extra `cluster` is not installed")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated") / "hospital"
    assert main(["simulate", "--records", "8", "--out", str(folder), "-j", "1"]) == 0
    (folder / "ward").mkdir()
    for suffix in (".hea", ".mat"):  # a second record of this name
        shutil.copy(folder / f"S0001{suffix}", folder / "ward" / f"S0001{suffix}")
    (folder / "S0002.mat").write_bytes(b"damaged")
    return folder


@pytest.fixture
def records(simulated, tmp_path):
    return shutil.copytree(simulated, tmp_path / "web" / "hospital")


@pytest.fixture(params=["http", "file"])
def address(request, records):
    if request.param == "file":
        yield f"file://{records}"
    else:
        with served(records.parent) as top:
            yield f"{top}hospital/"


def test_records_have_the_names_that_they_have_in_a_folder(records, address):
    found = named_records(address)
    assert list(found) == list(named_records(records))
    for name in ("S0003", "ward_S0001"):
        place = found[name]
        assert str(place).startswith(address) and str(place).endswith(".hea")
        assert read_header(place).path == place
        here, there = read_record(named_records(records)[name]), read_record(place)
        np.testing.assert_array_equal(here.signal, there.signal)


def images(records, out, *options):
    words = ["images", "--records", str(records), "--out", str(out), "--size", "64", "--pack"]
    return main([*words, "--dataset", "hospital", *options])


def test_images(records, address, tmp_path, monkeypatch):
    here, there = tmp_path / "here", tmp_path / "there"
    assert images(records, here, "-j", "1") == 0
    assert images(address, there, "-j", "2") == 0
    for name in ("manifest.csv", "records.csv", "pack.npy", "pack.csv"):
        assert (here / name).read_bytes() == (there / name).read_bytes(), name
    drawn = []
    original = drawing_run.draw_record
    monkeypatch.setattr(
        drawing_run, "draw_record", lambda job: (drawn.append(job.record), original(job))[1]
    )
    assert images(address, there, "-j", "1", "--unless-current") == 0
    assert drawn == [], "nothing has changed there"
    header = records / "S0003.hea"
    header.write_text(header.read_text() + "# one line more\n")
    assert images(address, there, "-j", "1", "--unless-current") == 0
    assert "S0003" in drawn
    assert len(open_pack(there)[0]) == len(open_pack(here)[0])


def test_external(records, address, tmp_path):
    for name, place in (("here", records), ("there", address)):
        words = ["external", "--records", str(place), "--out", str(tmp_path / name), "-j", "1"]
        assert main([*words, "--resamples", "0"]) == 0
    for name in ("external.json", "predictions_external.csv", "records.csv"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


def test_an_address_without_records_is_one_line(tmp_path, capsys):
    for address in ("http://127.0.0.1:9/x/", f"file://{tmp_path}/none/"):
        for verb in ("images", "external"):
            command = [verb, "--records", address, "--out", str(tmp_path / "out"), "-j", "1"]
            assert main(command) == 2
            (line,) = capsys.readouterr().err.splitlines()
            assert line.startswith(f"error: {address}: ")


@pytest.mark.parametrize("verb", ["predict", "images", "external", "simulate"])
@pytest.mark.parametrize("module", ["distributed", "fsspec"])
def test_what_is_not_installed_is_one_line(module, verb, simulated, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, module, None)
    place = "http://127.0.0.1:9/x/" if module == "fsspec" else str(simulated)
    words = {"predict": [place], "simulate": []}.get(verb, ["--records", place])
    if module == "distributed":
        words += ["--scheduler", "tcp://127.0.0.1:9"]
    elif verb == "simulate":
        pytest.skip("it reads no records")
    assert main([verb, *words, "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"error: this needs {module}; install it with `pip install '.[cluster]'`"
