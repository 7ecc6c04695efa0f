"""Where the slices of a record are."""

from __future__ import annotations

import numpy as np

from ekg.config import SliceConfig
from ekg.errors import RecordError
from ekg.seeds import generator_for


def number_of_slices(n_samples: int, config: SliceConfig | None = None) -> int:
    """Return how many slices a record of `n_samples` samples gives.

    min(floor(utilisation * N / length), most), as in the paper: 0.8, 1250 samples, 10.
    """
    config = config or SliceConfig()
    return min(int(config.utilization_fraction * n_samples / config.length), config.n_slices_max)


def slice_starts(
    name: str,
    n_samples: int,
    config: SliceConfig | None = None,
    *,
    seed: int = 44,
    at_least: int = 0,
) -> np.ndarray:
    """Return the first sample of each slice of a record.

    The slices never overlap. The unused samples are shared out at random as gaps before,
    between and after them: every way of placing the slices is equally likely (stars and bars).

    Parameters
    ----------
    name
        The record's name; with `seed` it decides the gaps.
    n_samples
        Samples per lead, at the sampling frequency of `config`.
    config
        Slice length and number; the paper's by default.
    seed
        The seed of the whole image set.
    at_least
        Take this many slices where they fit, even if the paper's rule gives fewer
        (prediction uses 1, so that every record of one slice's length is read).

    Returns
    -------
    ndarray of int64, shape (n_slices,)
        Increasing; each start + length <= n_samples.

    Raises
    ------
    RecordError
        If the record is shorter than one slice.
    """
    config = config or SliceConfig()
    if n_samples < config.length:
        raise RecordError(
            f"record {name} has {n_samples} samples at {config.sampling_frequency} Hz, "
            f"one slice needs {config.length} ({config.length / config.sampling_frequency:g} s)",
            remedy="use a longer recording",
        )
    count = max(number_of_slices(n_samples, config), min(at_least, n_samples // config.length))
    unused = n_samples - count * config.length
    # `count` bars among `unused` stars: sorted distinct places, less the bars before each one.
    places = generator_for(seed, name).choice(unused + count, size=count, replace=False)
    gaps_before = np.sort(places) - np.arange(count)
    return (gaps_before + np.arange(count) * config.length).astype(np.int64)
