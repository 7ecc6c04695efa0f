"""The slice of a page: columns, rhythm rows, short columns, missing leads."""

from pathlib import Path

import numpy as np
import pytest

from ekg.errors import RecordError
from ekg.predict.pages import page_slices
from ekg.records.record import LEADS, Header, Record

WHOLE = np.arange(5000.0) + 10_000 * np.arange(12)[:, None]  # tells lead and moment


def page(signal: np.ndarray) -> Record:
    header = Header(
        name="page",
        path=Path("page.jpg"),
        leads=LEADS,
        sampling_frequency=500.0,
        n_samples=signal.shape[1],
        comments=(),
        diagnoses=(),
    )
    return Record(header=header, signal=signal, sampling_frequency=500.0)


def columns(rows: int = 3, length: int = 1250) -> np.ndarray:
    """A page of `rows` leads a column."""
    signal = np.full((12, 5000), np.nan)
    for lead in range(12):
        start = lead // rows * (5000 * rows // 12)
        signal[lead, start : start + length] = WHOLE[lead, start : start + length]
    return signal


def test_each_column_gives_its_own_seconds():
    (cut,) = page_slices(page(columns()))
    assert cut.begins == (0, 0, 0, 2.5, 2.5, 2.5, 5, 5, 5, 7.5, 7.5, 7.5)
    np.testing.assert_array_equal(cut.signal[7], WHOLE[7, 2500:3750])
    assert cut.warnings == ()


@pytest.mark.parametrize("lead", [1, 6, 10])
def test_a_rhythm_row_is_cut_with_its_column(lead):
    signal = columns()
    signal[lead] = WHOLE[lead]
    (cut,) = page_slices(page(signal))
    start = lead // 3 * 1250
    np.testing.assert_array_equal(cut.signal[lead], WHOLE[lead, start : start + 1250])


def test_pages_of_two_columns_and_of_one_give_several_slices():
    two = page_slices(page(columns(6, 2500)))
    assert [cut.begins for cut in two] == [(0,) * 6 + (5,) * 6, (2.5,) * 6 + (7.5,) * 6]
    one = page_slices(page(WHOLE))
    assert len(one) == 4
    np.testing.assert_array_equal(one[3].signal, WHOLE[:, 3750:])


def test_a_column_that_ends_early_stays_blank_there():
    signal = columns()
    signal[9:, 4900:] = np.nan
    (cut,) = page_slices(page(signal))
    assert np.isnan(cut.signal[9:, 1150:]).all() and np.isfinite(cut.signal[9:, :1150]).all()
    assert "0.20 s early" in cut.warnings[0]


def test_a_page_without_a_lead_is_refused_by_its_name():
    signal = columns()
    signal[8] = np.nan
    signal[2, 700:] = np.nan
    with pytest.raises(RecordError, match=r"page.jpg: .* of III, V3.*ekg read"):
        page_slices(page(signal))
