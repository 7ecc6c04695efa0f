import numpy as np
import pandas as pd
import pytest

from ekg.config import AugmentationConfig
from ekg.data.augmentation import change_signal, page_columns, shifted_start
from ekg.data.folds import labels_of
from ekg.data.image_sources import RecordSource, SignalCache, _as_microvolts, open_source
from ekg.data.loader import Loader
from ekg.errors import EkgError, ImageError, RecordError
from ekg.images.image_set import make_image_set, read_manifest
from ekg.images.record_images import ImageSetConfig
from ekg.records.record import read_record
from ekg.simulator.record_files import SimulationSettings, simulate_folder

SIZE = 48
SIGNAL = np.sin(np.linspace(0, 60, 12 * 1250)).reshape(12, 1250)
ALL = AugmentationConfig(amplitude=0.2, baseline_wander=0.1, noise=0.02, time_shift=0.2)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Six simulated records and their images, as PNG files and as a pack."""
    folder = tmp_path_factory.mktemp("made")
    simulate_folder(folder / "records", 6, SimulationSettings(classes=("Normal", "AF")))
    make_image_set(folder / "records", folder / "set", ImageSetConfig(size=SIZE), pack=True)
    return folder


def opened(made, rows, source, **options):
    return open_source(
        made / "set", rows, size=SIZE, source=source, records=made / "records", **options
    )


def test_pack_files_and_records_give_the_same_pixels(made):
    rows = read_manifest(made / "set").sample(frac=1, random_state=2).reset_index(drop=True)
    order = np.random.default_rng(1).permutation(len(rows))
    images = [opened(made, rows, source).read(order, 0) for source in ("pack", "png", "records")]
    assert images[0].shape == (len(rows), SIZE, SIZE)
    assert len({image.tobytes() for image in images[0]}) == len(rows)
    np.testing.assert_array_equal(images[0], images[1])
    np.testing.assert_array_equal(images[0], images[2])
    assert type(opened(made, rows, "auto")) is type(opened(made, rows, "pack"))


def test_random_slices_are_new_in_each_epoch_and_the_same_for_every_worker(made):
    rows = read_manifest(made / "set")
    source = opened(made, rows, "records", random_slices=True, augmentation=ALL)
    everything = np.arange(len(rows))
    first, second = source.read(everything, 0), source.read(everything, 1)
    assert (first != second).any()
    np.testing.assert_array_equal(first[::-1], source.read(everything[::-1], 0))
    with Loader(source, labels_of(rows), workers=2) as loader:
        (batch,) = loader.batches([everything], epoch=1)
    np.testing.assert_array_equal(batch.images, second)
    other = opened(made, rows, "records", random_slices=True, augmentation=ALL, seed=45)
    assert (other.read(everything, 0) != first).any()


def test_random_slices_lie_inside_the_record_and_do_not_overlap(made):
    rows = read_manifest(made / "set")
    source = opened(made, rows, "records", random_slices=True)
    for epoch in range(3):
        for row in range(len(rows)):
            assert source.signal(row, epoch).shape == (12, 1250)


def test_what_is_not_there_is_said(made):
    rows = read_manifest(made / "set")
    with pytest.raises(RecordError, match="--records"):
        open_source(made / "set", rows, size=SIZE, source="records")
    with pytest.raises(ImageError, match=f"data.image_size={SIZE}"):
        open_source(made / "set", rows, size=64, source="pack")
    with pytest.raises(ImageError):
        open_source(made / "set", rows, size=64, source="png")
    strange = pd.concat([rows, rows.assign(image="all/none.png", record="S9999")])
    for source in ("pack", "png", "records"):
        with pytest.raises(EkgError, match=r"not|missing"):
            opened(made, strange, source)


def test_a_slice_beyond_the_end_of_its_record(made):
    rows = read_manifest(made / "set").assign(start=10**6)
    headers = {p.stem: p for p in (made / "records").glob("*.hea")}
    with pytest.raises(ImageError, match="draw the image set again"):
        RecordSource(rows, headers, SIZE, seed=44).read(np.array([0]), 0)


def test_the_cache_keeps_to_its_bytes_and_gives_the_same_signals(made):
    headers = sorted((made / "records").glob("*.hea"))
    one = SignalCache().get(headers[0], 500)
    assert one.dtype == np.float64
    cache = SignalCache(most_bytes=one.nbytes // 2)
    for header in [*headers, *headers]:
        np.testing.assert_array_equal(cache.get(header, 500), read_record(header).signal)
        kept = cache._signals[header, 500]
        assert kept.dtype == np.int16
        assert cache.get(header, 500) is not None and cache._signals[header, 500] is kept
        assert cache._bytes == sum(kept.nbytes for kept in cache._signals.values())
        assert cache._bytes <= one.nbytes // 2 or len(cache._signals) == 1
    np.testing.assert_array_equal(cache.get(headers[0], 500), one)


@pytest.mark.parametrize(
    "signal",
    [SIGNAL / 3, SIGNAL.round(3) * 100, np.full((12, 5), np.nan), np.full((12, 5), 0.0005)],
    ids=["finer steps", "beyond int16", "not numbers", "half a step"],
)
def test_signals_that_int16_cannot_hold_are_kept_as_they_are(signal):
    assert _as_microvolts(signal) is signal


# ------------------------------------------------------------------------ augmentation


def changed(seed=0, **amounts):
    return change_signal(SIGNAL, AugmentationConfig(**amounts), 500, np.random.default_rng(seed))


def test_amplitude_is_one_factor_for_all_leads():
    ratio = changed(amplitude=0.3)[:, 1:] / SIGNAL[:, 1:]
    assert ratio.std() < 1e-12
    assert 0.7 <= ratio.mean() <= 1.3
    assert ratio.mean() != 1.0


def test_wander_is_slow_and_small():
    added = changed(baseline_wander=0.2) - SIGNAL
    assert 0 < np.abs(added).max() <= 0.2
    spectrum = np.abs(np.fft.rfft(added, n=50_000, axis=1))
    frequencies = np.fft.rfftfreq(50_000, 1 / 500)
    above = spectrum[:, frequencies > 2.0] ** 2
    assert above.sum() < 0.05 * (spectrum**2).sum()


def test_noise_differs_between_leads():
    added = changed(noise=0.05) - SIGNAL
    assert (added.std(axis=1) < 0.06).all()
    assert np.abs(np.corrcoef(added))[~np.eye(12, dtype=bool)].max() < 0.2


def test_the_signal_given_is_left_alone():
    before = SIGNAL.copy()
    changed(amplitude=0.2, baseline_wander=0.1, noise=0.1)
    np.testing.assert_array_equal(SIGNAL, before)
    np.testing.assert_array_equal(changed(), SIGNAL)


def test_one_to_three_leads_are_left_blank():
    counts = {
        int(np.isnan(changed(seed, missing_leads=1.0)).all(axis=1).sum()) for seed in range(40)
    }
    assert counts == {1, 2, 3}
    blank = [np.isnan(changed(seed, missing_leads=0.3)).any() for seed in range(100)]
    assert 15 <= sum(blank) <= 45


def test_errors_of_a_page_keep_the_beats_in_place():
    beats = np.zeros((12, 1250))
    beats[:, 100::240] = 1.0
    beats = np.apply_along_axis(np.convolve, 1, beats, np.hanning(31), "same")
    config = AugmentationConfig(page_errors=1.0)
    for seed in range(20):
        read = change_signal(beats, config, 500, np.random.default_rng(seed))
        assert np.isfinite(read).all()
        assert 0 < (read - beats).std() < 0.5 * beats.std()
        for place in range(100, 1250, 240):
            near = read[:, place - 20 : place + 21]
            weight = np.clip(near - np.median(read, axis=1, keepdims=True), 0.2, None) - 0.2
            centre = (weight * np.arange(-20, 21)).sum(axis=1) / weight.sum(axis=1)
            assert np.abs(centre).max() < 5  # samples of 2 ms


def test_columns_of_a_page_follow_each_other():
    ramp = np.arange(6000.0) + 10_000 * np.arange(12)[:, None]
    page = page_columns(ramp, 1250, np.random.default_rng(3))
    assert page.shape == (12, 1250)
    starts = page[:, 0] - 10_000 * np.arange(12)
    assert (np.diff(page, axis=1) == 1).all()
    assert (starts[::3] - starts[0] == [0, 1250, 2500, 3750]).all()
    assert (starts.reshape(4, 3) == starts[::3, None]).all()
    assert page_columns(ramp[:, :4999], 1250, np.random.default_rng(3)) is None


@pytest.mark.parametrize("start", [0, 40, 100])
def test_a_shift_stays_inside_the_record(start):
    config = AugmentationConfig(time_shift=0.1)
    starts = [
        shifted_start(start, 100, config, 500, np.random.default_rng(seed)) for seed in range(50)
    ]
    assert min(starts) >= max(0, start - 50)
    assert max(starts) <= min(100, start + 50)
    assert len(set(starts)) > 5
