import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ekg.data.image_sources import PackSource
from ekg.data.loader import Loader, batches_of, epoch_order, fixed_order, share_of

IMAGES = np.random.default_rng(3).integers(0, 255, (50, 4, 4)).astype(np.uint8)
LABELS = np.arange(50) % 7


class ProcessSource:
    """Like a source that draws: its images depend on row and epoch."""

    uses_processes = True

    def read(self, rows, epoch):
        return IMAGES[rows] + np.uint8(epoch)


def read_all(source, workers, order, epoch=0):
    with Loader(source, LABELS, workers) as loader:
        return list(loader.batches(batches_of(order, 8), epoch))


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_come_in_order_whatever_the_number_of_workers(workers):
    places = np.arange(50)[::-1]
    order = epoch_order(50, 44, 0)
    batches = read_all(PackSource(IMAGES, places), workers, order)
    assert [len(b.rows) for b in batches] == [8] * 6 + [2]
    np.testing.assert_array_equal(np.concatenate([b.rows for b in batches]), order)
    for batch in batches:
        assert batch.pixels.dtype == torch.uint8
        np.testing.assert_array_equal(batch.images, IMAGES[places[batch.rows]])
        np.testing.assert_array_equal(batch.labels, LABELS[batch.rows])


def test_processes_give_what_one_process_gives():
    order = epoch_order(50, 44, 3)
    alone = read_all(ProcessSource(), 0, order, epoch=3)
    together = read_all(ProcessSource(), 2, order, epoch=3)
    for a, b in zip(alone, together, strict=True):
        assert torch.equal(a.pixels, b.pixels)
        np.testing.assert_array_equal(a.rows, b.rows)


def test_an_epochs_order_depends_on_seed_and_epoch_alone():
    first = epoch_order(1000, 44, 5)
    np.testing.assert_array_equal(first, epoch_order(1000, 44, 5))
    assert sorted(first) == list(range(1000))
    assert (first != epoch_order(1000, 44, 6)).any()
    assert (first != epoch_order(1000, 45, 5)).any()
    assert (fixed_order(1000, 44) != np.arange(1000)).any()


@given(st.integers(0, 40), st.integers(1, 6))
def test_the_shares_of_all_processes_are_the_batch(size, processes):
    batch = np.arange(size)
    shares = [share_of(batch, rank, processes) for rank in range(processes)]
    np.testing.assert_array_equal(np.concatenate(shares), batch)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_an_error_in_a_worker_reaches_the_caller():
    class Broken(ProcessSource):
        uses_processes = False

        def read(self, rows, epoch):
            raise OSError("disk gone")

    with pytest.raises(OSError, match="disk gone"):
        read_all(Broken(), 2, np.arange(50))


def test_stopping_early_leaves_no_work_behind():
    with Loader(PackSource(IMAGES, np.arange(50)), LABELS, 2) as loader:
        batches = loader.batches(batches_of(np.arange(50), 4))
        next(batches)
        batches.close()
