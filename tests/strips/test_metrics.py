"""The metrics of reading a page."""

import numpy as np
import pytest

from ekg.errors import EvaluationError
from ekg.records.record import LEADS
from ekg.strips.metrics import score_page, summarise

RATE = 500.0


def beat(time: np.ndarray, height: float) -> np.ndarray:
    return height * np.exp(-(((time % 0.8) - 0.4) ** 2) / (2 * 0.012**2)) + 0.2 * np.exp(
        -(((time % 0.8) - 0.62) ** 2) / (2 * 0.04**2)
    )


@pytest.fixture
def page() -> np.ndarray:
    """A 3x4 page of 10 s: each column 2.5 s, lead II in full."""
    time = np.arange(5000) / RATE
    truth = np.full((12, 5000), np.nan)
    for row in range(12):
        columns = slice(1250 * (row // 3), 1250 * (row // 3) + 1250)
        shape = beat(time + 0.05 * row, 1.0 - 0.12 * row) + 0.05 * np.sin(7 * row * time)
        truth[row, columns] = shape[columns]
        if LEADS[row] == "II":
            truth[row] = shape
    return truth


def test_a_perfect_reading_has_no_fault_and_no_error(page):
    score = score_page(page, page, RATE)
    assert len(score.leads) == 12
    assert score.median > 60 and score.faults == ()
    assert score.gain == pytest.approx(1.0) and score.time == 1.0


def test_the_snr_is_the_ratio_of_powers_and_ignores_offset_and_small_shifts(page):
    rng = np.random.default_rng([7, 1])
    noisy = page + 0.7
    for row in range(12):
        there = np.isfinite(page[row])
        level = page[row][there].std() / 10  # 20 dB
        noisy[row][there] += level * rng.standard_normal(there.sum())
    shifted = np.roll(noisy, 60, axis=1)  # 0.12 s, for the whole page
    shifted[0] = np.roll(shifted[0], 5)  # 10 ms more for lead I
    score = score_page(shifted, page, RATE)
    assert score.median == pytest.approx(20.0, abs=0.8)
    assert score.leads[0].shift == pytest.approx(0.13, abs=0.003)
    assert score.leads[6].shift == pytest.approx(0.12, abs=0.003)


def test_a_quarter_of_a_sample_is_found(page):
    fine = np.arange(0, 5000) - 0.25
    moved = np.array([np.interp(fine, np.arange(5000), lead) for lead in page])
    score = score_page(moved, page, RATE)
    assert score.leads[1].shift * RATE == pytest.approx(0.25)


def test_the_gain_is_not_fitted_away(page):
    score = score_page(0.9 * page, page, RATE)
    assert score.median == pytest.approx(20.0, abs=0.1)  # 10 % of the amplitude is missing
    assert score.faults == ("gain off by -10.0 %",)


def test_a_wrong_speed_is_a_fault(page):
    slow = np.array([np.interp(np.arange(5000) * 0.93, np.arange(5000), lead) for lead in page])
    score = score_page(slow, page, RATE)
    assert score.time == pytest.approx(1.075, abs=0.01)
    assert any(fault.startswith("time off") for fault in score.faults)


def test_a_misnamed_and_an_inverted_lead_are_faults(page):
    read = page.copy()
    read[[0, 2]] = read[[2, 0]]
    read[3] = -read[3]
    faults = score_page(read, page, RATE).faults
    assert "I shows III" in faults and "III shows I" in faults and "aVR shows -aVR" in faults


def test_a_lost_lead_counts_as_not_good_but_not_as_wrong(page):
    read = page.copy()
    read[4] = np.nan
    score = score_page(read, page, RATE)
    assert score.leads[4].snr == -np.inf and score.faults == ()
    assert summarise([score])["good_leads"] == pytest.approx(11 / 12)


def test_half_a_lead_is_no_good_lead(page):
    read = page.copy()
    read[6, 2500:3125] = np.nan
    assert score_page(read, page, RATE).leads[6].snr < 10


def test_a_page_of_noise_was_read_wrong(page):
    noise = np.where(np.isfinite(page), np.random.default_rng(3).standard_normal(page.shape), page)
    assert score_page(noise, page, RATE).faults[0].startswith("median")


def test_the_summary_counts_refused_pages_and_lost_leads(page):
    read = page.copy()
    read[:2] = np.nan
    figures = summarise([score_page(read, page, RATE), None])
    assert (figures["pages"], figures["read"], figures["refused"]) == (2, 1, 1)
    assert figures["wrong"] == 0 and figures["leads"] == 12
    assert figures["p10_db"] == -np.inf and figures["median_db"] > 60


def test_a_truth_without_leads_and_a_wrong_shape_are_refused(page):
    with pytest.raises(EvaluationError, match="no lead"):
        score_page(page, np.full((12, 5000), np.nan), RATE)
    with pytest.raises(EvaluationError, match=r"shape \(3, 5000\)"):
        score_page(page[:3], page, RATE)
