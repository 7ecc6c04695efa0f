"""Vector PDFs: the traces are read from the paths themselves."""

import json

import numpy as np
import pypdfium2 as pdfium
import pytest

from ekg.records.record import LEADS
from ekg.strips import StripError, read_pages, read_strip
from ekg.strips.metrics import score_page
from ekg.strips.pdf_paths import read_content
from tests.strips.strip_pages import (
    GRID,
    RATE,
    figure_of,
    pdf_bytes,
    printed,
    save_pdf,
    twelve_leads,
)

POINT = 72 / 25.4


@pytest.fixture(scope="module")
def signal():
    return twelve_leads()


def test_every_lead_of_a_page_is_read_from_its_path(tmp_path, signal):
    save_pdf(figure_of(signal), tmp_path / "page.pdf")
    reading = read_strip(tmp_path / "page.pdf")
    assert reading.leads == LEADS
    score = score_page(reading.record.signal, printed(signal), RATE)
    assert min(lead.snr for lead in score.leads) > 40 and score.faults == ()
    (page,) = reading.report["pages"]
    assert page["layout"] == "3x4+1" and page["method"] == "vector PDF"
    assert (page["speed_from"], page["gain_from"]) == ("page text", "page text")


def test_a_page_saved_at_another_size_is_measured_by_its_grid(tmp_path, signal):
    figure = figure_of(signal, scale_text=False)
    figure.set_size_inches(*(0.7 * figure.get_size_inches()))
    save_pdf(figure, tmp_path / "small.pdf")
    reading = read_strip(tmp_path / "small.pdf")
    assert reading.report["pages"][0]["facts"]["paper_mm"] == pytest.approx(0.7, abs=0.003)
    score = score_page(reading.record.signal, printed(signal), RATE)
    assert score.gain == pytest.approx(1, abs=0.01) and score.median > 30


def test_the_pulse_tells_the_gain_where_no_text_does(tmp_path, signal):
    save_pdf(figure_of(signal, scale_text=False, gain=5.0), tmp_path / "half.pdf")
    reading = read_strip(tmp_path / "half.pdf")
    (page,) = reading.report["pages"]
    assert (page["gain_mm_per_mv"], page["gain_from"]) == (5.0, "pulse")
    assert page["speed_from"] == "assumed"
    assert any("speed assumed" in warning for warning in reading.report["warnings"])
    assert score_page(reading.record.signal, printed(signal), RATE).median > 40


def test_given_scales_win(tmp_path, signal):
    save_pdf(figure_of(signal), tmp_path / "page.pdf")
    stated = read_strip(tmp_path / "page.pdf")
    reading = read_strip(tmp_path / "page.pdf", speed=50, gain=20)
    largest = [np.nanmax(np.abs(one.record.signal)) for one in (reading, stated)]
    assert largest[0] == pytest.approx(largest[1] / 2, rel=0.05)
    assert reading.record.signal.shape[1] == pytest.approx(2500, abs=3)


def test_a_page_of_vector_traces_without_names_is_refused(tmp_path, signal):
    save_pdf(figure_of(signal, names=False), tmp_path / "page.pdf")
    with pytest.raises(StripError, match="no lead names"):
        read_strip(tmp_path / "page.pdf")


def test_a_scale_that_contradicts_the_pulse_is_refused(tmp_path, signal):
    figure = figure_of(signal)
    figure.axes[0].texts[-1].set_text("25 mm/s 20 mm/mV")
    save_pdf(figure, tmp_path / "page.pdf")
    with pytest.raises(StripError, match=r"20 mm/mV and shows a pulse of 10 mm"):
        read_strip(tmp_path / "page.pdf")


def rows_as_pieces(signal, *, turned):
    """One line a row, as thousands of two-point pieces, on an upright or a turned page."""
    content, words = "0.5 w 0 G\n", []
    quarter = signal.shape[1] // 4
    for number, leads in enumerate(GRID):
        whole = np.concatenate(
            [
                signal[LEADS.index(lead), quarter * k : quarter * (k + 1)]
                for k, lead in enumerate(leads)
            ]
        )
        x = (20 + np.arange(len(whole)) / RATE * 25) * POINT
        y = (160 - 45 * number + 10 * whole) * POINT
        for k in range(len(x) - 1):
            ends = ((x[k], y[k]), (x[k + 1], y[k + 1]))
            if turned:
                ends = tuple((595 - b, a) for a, b in ends)
            (a, b), (c, d) = ends
            content += f"{a:.3f} {b:.3f} m {c:.3f} {d:.3f} l S\n"
        for column, lead in enumerate(leads):
            place = (20 + 62.5 * column + 1) * POINT, (174 - 45 * number) * POINT
            words.append((lead, *((595 - place[1], place[0]) if turned else place)))
    return content, words


@pytest.mark.parametrize("turned", [False, True])
def test_rows_of_two_point_pieces_are_joined_and_split_into_their_leads(tmp_path, signal, turned):
    content, words = rows_as_pieces(signal, turned=turned)
    size = (595, 842) if turned else (842, 595)
    (tmp_path / "page.pdf").write_bytes(pdf_bytes(content, size, text=words))
    reading = read_strip(tmp_path / "page.pdf")
    score = score_page(reading.record.signal, printed(signal, rhythm=None), RATE)
    assert score.median > 35 and score.faults == ()
    assert reading.report["pages"][0]["layout"] == "3x4"


def test_what_is_printed_on_the_page_is_not_in_the_report(tmp_path, signal):
    figure = figure_of(signal)
    figure.axes[0].text(30, 15, "Erika Mustermann 4711")
    save_pdf(figure, tmp_path / "page.pdf")
    assert "Mustermann" not in json.dumps(read_strip(tmp_path / "page.pdf").report)


def test_the_overlay_hides_the_header_unless_the_page_is_kept(tmp_path, signal):
    figure = figure_of(signal)
    figure.axes[0].text(150, 15, "Erika Mustermann 4711", fontsize=14)
    save_pdf(figure, tmp_path / "page.pdf")

    def darkest(reading):
        picture = np.asarray(reading.overlay.convert("L"))
        scale = picture.shape[1] / 297
        return picture[int(11 * scale) : int(18 * scale), int(150 * scale) :].min()

    assert darkest(read_strip(tmp_path / "page.pdf")) > 200
    assert darkest(read_strip(tmp_path / "page.pdf", keep_page=True)) < 60


def six_rows(signal, leads):
    content, words = "0.5 w 0 G\n", []
    for number, lead in enumerate(leads):
        x = (20 + np.arange(signal.shape[1]) / RATE * 25) * POINT
        y = (185 - 30 * number + 10 * signal[LEADS.index(lead)]) * POINT
        points = " l ".join(f"{a:.3f} {b:.3f}" for a, b in zip(x, y, strict=True))
        content += points.replace(" l ", " m ", 1) + " l S\n"
        words.append((lead, 22 * POINT, (193 - 30 * number) * POINT))
    return pdf_bytes(content, text=words)


def two_pages(first, second):
    document = pdfium.PdfDocument.new()
    for data in (first, second):
        document.import_pages(pdfium.PdfDocument(data))
    return document


@pytest.mark.parametrize("late", [0.0, 0.37])
def test_a_limb_and_a_chest_page_become_one_record(tmp_path, signal, late):
    moved = np.roll(signal, round(late * RATE), axis=1)
    document = two_pages(six_rows(signal, LEADS[:6]), six_rows(moved, LEADS[6:]))
    document.save(tmp_path / "two.pdf")
    (reading,) = read_pages(tmp_path / "two.pdf")
    assert reading.leads == LEADS
    chest = np.flatnonzero(np.isfinite(reading.record.signal[6]))
    # The same beats at the same places: the same seconds. Otherwise one after the other.
    assert (chest[0] < 5) == (late == 0.0)
    assert late == 0.0 or np.isnan(reading.record.signal[0, chest]).all()


def test_two_whole_pages_are_two_records(tmp_path, signal):
    first, second = tmp_path / "a.pdf", tmp_path / "b.pdf"
    save_pdf(figure_of(signal), first)
    save_pdf(figure_of(1.2 * signal), second)
    two_pages(first.read_bytes(), second.read_bytes()).save(tmp_path / "two.pdf")
    readings = read_pages(tmp_path / "two.pdf")
    assert [reading.record.name for reading in readings] == ["two-p1", "two-p2"]
    with pytest.raises(StripError, match="contains 2 EKGs"):
        read_strip(tmp_path / "two.pdf")
    largest = [
        np.nanmax(read_strip(tmp_path / "two.pdf", page=page).record.signal) for page in (1, 2)
    ]
    assert largest[1] == pytest.approx(1.2 * largest[0], rel=0.01)


@pytest.mark.parametrize("name", ["cardiosoft_testmann", "schiller_at102p", "ecgtizer_00009_hr"])
def test_makers_pdfs_are_read_within_two_hundredths_of_a_millimetre(shared, name):
    path = shared / "strips" / "pages" / f"{name}.pdf"
    reading = read_strip(path)
    assert reading.leads == LEADS
    document = pdfium.PdfDocument(path)
    lines = [line.points for page in document for line in read_content(page).lines]
    scale = reading.report["pages"][0]
    for row in reading.record.signal:
        known = np.flatnonzero(np.isfinite(row))
        height = scale["gain_mm_per_mv"] * row[known]
        place = known / RATE * scale["speed_mm_per_s"]
        assert min(distance(place, height, points) for points in lines if len(points) > 20) < 0.02


def distance(x, y, points):
    """The largest distance of samples from a path, at the best shift."""
    px, py = points[:, 0], -points[:, 1]
    if px[-1] - px[0] < x[-1] - x[0] - 0.5:
        return np.inf
    best = np.inf
    for start in np.arange(px[0], px[-1] - (x[-1] - x[0]) + 0.02, 0.01)[:40]:
        own = np.interp(x - x[0] + start, px, py)
        near = np.abs((own - np.median(own)) - (y - np.median(y)))
        best = min(best, float(np.quantile(near, 0.99)))
    return best
