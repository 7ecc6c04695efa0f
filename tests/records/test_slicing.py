import numpy as np
import pytest

from ekg.config import SliceConfig
from ekg.errors import RecordError
from ekg.records.slicing import number_of_slices, slice_starts
from ekg.seeds import generator_for


@pytest.mark.parametrize(
    ("n_samples", "expected"),
    [
        (1250, 0),
        (1562, 0),
        (1563, 1),
        (3000, 1),
        (5000, 3),
        (7500, 4),
        (15624, 9),
        (15625, 10),
        (72000, 10),
    ],
)
def test_number_of_slices_follows_the_paper(n_samples, expected):
    assert number_of_slices(n_samples) == expected == len(slice_starts("A0001", n_samples))


@pytest.mark.parametrize("n_samples", [1250, 1251, 2499, 2500, 5000, 9137, 33333])
def test_slices_lie_in_the_record_and_never_overlap(n_samples):
    for name in ("A1", "A2", "S0077"):
        starts = slice_starts(name, n_samples, at_least=1)
        assert len(starts) >= 1
        assert starts[0] >= 0
        assert starts[-1] + 1250 <= n_samples
        assert (np.diff(starts) >= 1250).all()


def test_positions_depend_on_seed_and_name_alone():
    first = slice_starts("A0001", 5000)
    assert np.array_equal(first, slice_starts("A0001", 5000))
    assert not np.array_equal(first, slice_starts("A0002", 5000))
    assert not np.array_equal(first, slice_starts("A0001", 5000, seed=45))
    # Pinned, so that an image set made today is the one made next year.
    assert first.tolist() == [407, 1989, 3474]


def test_generator_is_pinned():
    assert generator_for(44, "A0001").integers(0, 1_000_000, 3).tolist() == [592171, 325634, 779296]


def test_every_placement_is_equally_likely():
    # Two slices of 2 samples in 6: the gaps (before, between, after) sum to 2, six ways.
    config = SliceConfig(sampling_frequency=1, seconds=2, utilization_fraction=0.8)
    seen = [tuple(slice_starts(f"r{i}", 6, config)) for i in range(3000)]
    counts = {placement: seen.count(placement) for placement in set(seen)}
    assert set(counts) == {(0, 2), (0, 3), (0, 4), (1, 3), (1, 4), (2, 4)}
    assert all(abs(count - 500) < 100 for count in counts.values())  # 5 standard deviations


def test_a_short_record_is_refused():
    with pytest.raises(RecordError, match="record A9 has 1249 samples"):
        slice_starts("A9", 1249)


def test_a_short_record_is_told_what_a_slice_needs():
    with pytest.raises(RecordError) as caught:
        slice_starts("A9", 1249)
    assert str(caught.value) == (
        "record A9 has 1249 samples at 500 Hz, one slice needs 1250 (2.5 s); use a longer recording"
    )


def test_prediction_takes_whole_slices_only_where_they_fit():
    # 3125 samples hold two whole slices and a half; the paper's rule takes two as well.
    for n_samples, wanted, expected in [(1300, 1, 1), (3125, 9, 2), (2400, 2, 1), (15_625, 1, 10)]:
        starts = slice_starts("A1", n_samples, at_least=wanted)
        assert len(starts) == expected
        assert starts.dtype == np.int64
