"""Printed pages in a real browser, offline: read, saved, refused, corrected by hand."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from ekg.model.engines import open_engine
from ekg.predict.predictor import Predictor
from ekg.records.record import LEADS
from ekg.strips import StripError, read_strip
from tests.strips.strip_pages import figure_of, pixels_of, save_pdf, twelve_leads

pytestmark = pytest.mark.slow

UNITS = 1000
INVALID = -32768


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A tilted page, one without names, a PDF, and what is no EKG."""
    folder = tmp_path_factory.mktemp("pages")
    page = Image.fromarray(pixels_of(figure_of(twelve_leads()), dpi=110))
    photo = folder / "my photo.png"
    page.rotate(3, Image.Resampling.BICUBIC, True, fillcolor=(90, 70, 50)).save(photo)
    unnamed = folder / "unnamed.png"
    Image.fromarray(pixels_of(figure_of(twelve_leads(), names=False), dpi=110)).save(unnamed)
    pdf = folder / "report.pdf"
    save_pdf(figure_of(twelve_leads()), pdf)
    heic = folder / "IMG_1.HEIC"
    heic.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    broken = folder / "broken.jpg"
    page.save(broken)
    broken.write_bytes(broken.read_bytes()[:40])
    empty = folder / "empty.png"
    empty.touch()
    xml = folder / "muse.xml"
    xml.write_text('<?xml version="1.0"?><RestingECG/>')
    blank = folder / "blank.png"
    Image.new("RGB", (900, 700), "white").save(blank)
    return {
        "photo": photo,
        "unnamed": unnamed,
        "pdf": pdf,
        "wrong": {
            "is an HEIC or AVIF image, which this page does not read": heic,
            "is not a readable image or PDF": broken,
            "the file is empty": empty,
            "is an XML file, which this page does not read": xml,
            "no millimetre grid was found": blank,
        },
    }


@pytest.fixture(scope="module")
def visit(files, built_page, served, run_node, modules, chromium, tmp_path_factory):
    """One visit to the page."""
    saved = tmp_path_factory.mktemp("saved")
    address = served(built_page)
    given = {
        "modules": str(modules),
        "chromium": chromium,
        "url": address,
        "photo": str(files["photo"]),
        "unnamed": str(files["unnamed"]),
        "pdf": str(files["pdf"]),
        "wrong": [str(path) for path in files["wrong"].values()],
        "saved": str(saved),
        "screenshots": os.environ.get("EKG_PAGE_SCREENSHOTS"),
    }
    return {**run_node("browse_pages.mjs", given), "folder": saved, "address": address}


def saved_signal(folder, name):
    """The signal of a record that the page saved, NaN where it is invalid."""
    lines = (folder / f"{name}.hea").read_text().splitlines()
    assert lines[0].split()[:3] == [name, "12", "500"]
    assert [line.split()[-1] for line in lines[1:13]] == list(LEADS)
    samples = np.fromfile(folder / f"{name}.dat", "<i2").reshape(-1, 12).T
    for line, row in zip(lines[1:13], samples, strict=True):
        assert int(line.split()[6]) == int(row.sum(dtype=np.int64)) % 0x10000
    return np.where(samples == INVALID, np.nan, samples / UNITS)


def test_a_photograph_is_read_as_in_python(visit, files, model_path):
    shown = visit["photo"]
    reading = read_strip(files["photo"])
    (facts,) = reading.report["pages"]
    assert shown["drawn"] == 4 and not shown["error"]
    assert facts["layout"] in shown["facts"]["Layout"]
    assert f"{facts['gain_mm_per_mv']:g}" in shown["facts"]["Gain"]
    found = saved_signal(visit["folder"], "my_photo")
    off = np.abs(found - reading.record.signal)
    assert (np.isnan(found) != np.isnan(reading.record.signal)).mean() < 0.002
    assert np.mean(off[np.isfinite(off)] <= 0.01) >= 0.995
    report = json.loads((visit["folder"] / "my_photo.report.json").read_text())
    assert report["outcome"] == reading.report["outcome"]
    assert report["leads"].keys() == reading.report["leads"].keys()
    assert report["pages"][0].keys() == facts.keys()
    wanted = Predictor(open_engine(model_path)).predict_page(files["photo"])
    assert shown["diagnosis"] == wanted.diagnosis
    assert shown["probabilities"] == pytest.approx(wanted.probabilities, abs=0.03)
    assert shown["warnings"] == list(wanted.warnings)


def test_all_that_was_read_can_be_saved(visit):
    endings = ("hea", "dat", "report.json", "overlay.png", "options.json")
    assert visit["saved"] == [f"my_photo.{ending}" for ending in endings]
    overlay = np.asarray(Image.open(visit["folder"] / "my_photo.overlay.png").convert("RGB"))
    assert (overlay == (236, 236, 236)).all(axis=2).mean() > 0.1, "text beside the traces is hidden"
    assert json.loads((visit["folder"] / "my_photo.options.json").read_text()) == {}


def test_what_is_refused_is_refused_in_the_words_of_python(visit, files):
    for words, shown in zip(files["wrong"], visit["wrong"], strict=True):
        assert shown["error"] and words in shown["status"], shown
        assert shown["diagnosis"] is None
    with pytest.raises(StripError) as error:
        read_strip(files["unnamed"])
    assert error.value.problem in visit["unnamed"]["status"]
    assert error.value.remedy in visit["unnamed"]["status"]
    assert visit["unnamed"]["rescue"], "the correction by hand is open"


def test_a_refused_page_is_rescued_by_hand(visit, files):
    shown = visit["given"]
    assert not shown["error"] and shown["drawn"] == 4
    (facts,) = read_strip(files["unnamed"], layout="3x4+1").report["pages"]
    assert facts["names_from"] == "given"
    assert shown["facts"]["Layout"] == f"{facts['layout']}, as you say"
    assert shown["diagnosis"] is not None


def test_a_vector_pdf_is_read(visit, files):
    shown = visit["pdf"]
    assert not shown["error"] and shown["drawn"] == 4, shown
    (facts,) = read_strip(files["pdf"]).report["pages"]
    assert facts["layout"] in shown["facts"]["Layout"]
    assert "as the page says" in shown["facts"]["Speed"]


def test_a_reading_can_be_cancelled(visit):
    assert visit["cancelled"]["page"] is None and visit["cancelled"]["diagnosis"] is None


def test_nothing_leaves_and_everyone_can_use_it(visit):
    assert all(
        address.startswith((visit["address"], f"blob:{visit['address']}"))
        for address in visit["requests"]
    )
    assert visit["said"] == []
    assert [found for found in visit["axe"] if found[1] in {"serious", "critical"}] == []
    assert all(overflow <= 0 for _, overflow in visit["widths"])
