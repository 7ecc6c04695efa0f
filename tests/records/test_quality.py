import dataclasses
from pathlib import Path

import numpy as np
import pytest
import scipy.signal

from ekg.records import quality
from ekg.records.quality import blank_slices, is_flat_throughout, limb_lead_misfit, warnings_of
from ekg.records.record import LEADS, Header, Record, read_record


def clean_signal(seconds=10.0, rate=500):
    """Beats in every lead; the limb leads follow from leads I and II."""
    random = np.random.default_rng(11)
    times = np.arange(round(seconds * rate)) / rate
    phase = (times % 0.8) - 0.4
    rows = [
        height * np.exp(-((phase / 0.02) ** 2))
        + 0.2 * np.exp(-(((phase - shift) / 0.06) ** 2))
        + 0.01 * random.standard_normal(len(times))
        for height, shift in zip(np.linspace(0.4, 1.5, 8), np.linspace(0.1, 0.2, 8), strict=True)
    ]
    one, two = rows[:2]
    limb = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
    return np.stack([*limb, *rows[2:]])


def record_of(signal, rate=500.0):
    header = Header("R1", Path("R1.hea"), LEADS, rate, signal.shape[1], (), ())
    return Record(header, signal, 500.0)


def test_a_clean_record_gives_no_warning():
    assert warnings_of(record_of(clean_signal())) == []


def test_flat_leads_are_named():
    signal = clean_signal()
    signal[7] = 0.3
    signal[9] = -0.1
    assert warnings_of(record_of(signal)) == ["leads V2, V4 flat throughout"]


def test_a_flat_part_is_measured():
    signal = clean_signal()
    signal[10, 1000:1750] = signal[10, 1000]
    (warning,) = warnings_of(record_of(signal))
    assert warning == "lead V5 flat for up to 1.5 s"


def test_a_short_level_part_is_normal():
    signal = clean_signal()
    signal[10, 1000:1400] = signal[10, 1000]
    assert warnings_of(record_of(signal)) == []


def test_clipped_peaks_are_found():
    signal = clean_signal()
    signal[11] = np.minimum(signal[11], 0.6)
    assert warnings_of(record_of(signal)) == ["lead V6 clipped: peaks are cut off"]


def test_signal_outside_the_image_is_found():
    signal = clean_signal()
    signal[8] *= 5
    (warning,) = warnings_of(record_of(signal))
    assert warning.startswith("lead V3 clipped by the image, which ends at 3 mV")


def test_doubtful_amplitudes_are_found():
    spiky = clean_signal()
    spiky[6, 2000] = 40.0
    assert "lead V1 spanning up to 40 mV" in " ".join(warnings_of(record_of(spiky)))
    assert "is the gain right?" in " ".join(warnings_of(record_of(clean_signal() * 0.02)))


def gained(signal, *gains):
    return dataclasses.replace(record_of(signal), gains=gains if len(gains) == 12 else gains * 12)


def test_five_times_too_tall_names_the_gain():
    *_, warning = warnings_of(gained(clean_signal() * 5, 200.0))
    assert "beats of" in warning and "is the header's gain 200/mV right" in warning
    assert "1 uV" in warning
    assert "1 uV" not in warnings_of(gained(clean_signal() * 5, 100.0))[-1]
    assert not warnings_of(gained(clean_signal() * 1.5, 200.0))


def test_a_thousandfold_too_small_names_the_gain():
    found = " ".join(warnings_of(gained(clean_signal() / 1000, 1e6)))
    assert "is the gain 1e+06/mV right?" in found


def test_unequal_gains_that_break_the_limb_leads_are_named_as_the_cause():
    raw = clean_signal() * 500
    gains = np.ptp(raw, axis=1)  # each lead scaled to its own height
    (warning,) = warnings_of(gained(raw / gains[:, None], *gains))
    assert "violate Einthoven's law" in warning
    assert "unequal gains" in warning and "likely cause" in warning
    unequal = np.linspace(100, 900, 12)  # gains that belong to the samples are no fault
    assert not warnings_of(gained(clean_signal(), *unequal))


def test_what_was_noticed_while_reading_is_warned_of_first():
    record = dataclasses.replace(record_of(clean_signal() * 5), warnings=("leads computed",))
    assert warnings_of(record)[0] == "leads computed"


def test_padded_slices_are_blank_and_pauses_are_not():
    signal = clean_signal()
    signal[:, 3500:] = 0.2
    blank = blank_slices(signal, np.array([0, 2000, 2800, 2900, 3413, 3750]), 1250)
    assert blank.tolist() == [False, False, False, True, True, True]
    signal[0, 3500:] += 1e-3 * np.arange(1500) % 0.002
    assert not blank_slices(signal, np.array([3413, 3750]), 1250).any()


def test_a_low_rate_is_mentioned():
    assert warnings_of(record_of(clean_signal(), rate=62.5)) == [
        "sampled at 62.5 Hz only: waves are coarse"
    ]


@pytest.mark.parametrize(("first", "second"), [(i, j) for i in range(6) for j in range(i + 1, 6)])
def test_every_exchange_of_two_limb_leads_is_found_and_named(first, second):
    signal = clean_signal()
    signal[[first, second]] = signal[[second, first]]
    (warning,) = warnings_of(record_of(signal))
    assert "wrong lead order suspected" in warning
    assert f"{LEADS[second]} as {LEADS[first]}, {LEADS[first]} as {LEADS[second]}" in warning


def test_chest_leads_in_place_of_limb_leads_are_found():
    signal = clean_signal()[::-1]
    assert "violate Einthoven's law" in " ".join(warnings_of(record_of(signal)))


def test_wander_and_offsets_do_not_disturb_the_relations():
    signal = clean_signal()
    times = np.arange(signal.shape[1]) / 500
    signal += np.arange(12)[:, None] * 0.03 * (1 + np.sin(0.6 * times))
    assert limb_lead_misfit(signal, 500.0) < 0.01


def test_flat_throughout():
    assert is_flat_throughout(np.full((12, 2000), 0.7))
    assert not is_flat_throughout(clean_signal())


def test_limb_leads_alone_may_be_flat():
    signal = clean_signal()
    signal[:6] = 0.0
    assert limb_lead_misfit(signal, 500.0) == 0.0


def test_real_records_are_in_order(shared):
    """At most one in a hundred real records may be doubted, and exchanges are all found."""
    headers = sorted((shared / "real" / "cpsc2018").rglob("*.hea"))[::4]
    doubted, found = 0, 0
    for header in headers:
        record = read_record(header)
        doubted += any("lead order" in warning for warning in warnings_of(record))
        signal = record.signal.copy()
        signal[[1, 2]] = signal[[2, 1]]
        swapped = dataclasses.replace(record, signal=signal)
        found += any("III as II, II as III" in warning for warning in warnings_of(swapped))
    assert doubted <= 1
    assert found >= len(headers) - 1


def test_the_band_pass_filter_is_that_of_scipy():
    rng = np.random.default_rng(3)
    signal = rng.normal(size=(6, 5000)).cumsum(axis=1) / 20
    band = scipy.signal.butter(2, (0.5, 40.0), "bandpass", fs=500, output="sos")
    expected = scipy.signal.sosfiltfilt(band, signal, axis=1, padlen=2000)
    inner = slice(1000, -1000)
    found = quality._band_pass(signal, 500.0)
    np.testing.assert_allclose(found[:, inner], expected[:, inner], atol=1e-4)


def test_the_longest_run_is_found_wherever_it_is():
    rng = np.random.default_rng(4)
    for share in (0.0, 0.2, 0.9, 1.0):
        for length in range(12):
            members = rng.random(length) < share
            runs = "".join("x" if member else " " for member in members).split()
            assert quality._longest_run(members) == max(map(len, runs), default=0)


@pytest.mark.parametrize(("least", "most"), [(4, 4), (11, 13), (7500, 11500), (9973, 9973)])
def test_a_fast_length_has_small_prime_factors_or_is_the_least(least, most):
    found = quality._fast_length(least, most)
    assert least <= found <= most
    rest = found
    for prime in (2, 3, 5, 7):
        while rest % prime == 0:
            rest //= prime
    assert rest == 1 or found == least
