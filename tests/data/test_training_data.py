"""Where training and validation images come from."""

import numpy as np
import pytest

from ekg.data.image_sources import PackSource, RecordSource
from ekg.data.training_data import open_run_data
from tests.training.conftest import toy_config

DRAWN = {"image_size": 64, "source": "records", "slices": "random"}


@pytest.fixture
def opened(small_records):
    def open_at(**data):
        config = toy_config(data={**DRAWN, **data}, augmentation={"noise": 0.01})
        return open_run_data(
            config,
            small_records / "set",
            small_records / "split.csv",
            small_records / "records",
            lambda line: None,
        )

    return open_at


def pixels_of(fold):
    (batch,) = fold.loader.batches([np.arange(len(fold.labels))])
    return batch.images


def test_unchanged_images_come_from_the_pack_when_training_draws(opened, small_records):
    with opened() as data:
        assert isinstance(data.train.loader._source, RecordSource)
        assert isinstance(data.measured_train.loader._source, PackSource)
        assert isinstance(data.val.loader._source, PackSource)
        packed = pixels_of(data.val)
        changed, unchanged = pixels_of(data.train), pixels_of(data.measured_train)
    assert not np.array_equal(changed, unchanged)
    pack = small_records / "set" / "pack.npy"
    pack.rename(pack.with_suffix(".aside"))
    try:
        with opened() as data:
            assert isinstance(data.val.loader._source, RecordSource)
            np.testing.assert_array_equal(pixels_of(data.val), packed)
    finally:
        pack.with_suffix(".aside").rename(pack)


def test_a_pack_of_another_size_is_passed_over(opened):
    with opened(image_size=48) as data:
        assert isinstance(data.val.loader._source, RecordSource)
        assert pixels_of(data.val).shape[1:] == (48, 48)
