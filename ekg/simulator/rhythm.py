"""When the beats fall: sinus rhythm, atrial fibrillation, premature beats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ekg.simulator.population import Population


@dataclass(frozen=True)
class Beats:
    """The beats of a recording, in order of time."""

    # Onset of each QRS, s from the first sample; the first beats are before it, the last ones after
    # the end
    onset: np.ndarray
    # "N" conducted, "A" premature atrial, "V" premature ventricular; shape as `onset`
    kind: np.ndarray
    # Onset of QRS that the sinus node's P wave belongs to, s: also where a ventricular premature
    # beat hides it
    sinus: np.ndarray


def sinus_intervals(
    generator: np.random.Generator,
    population: Population,
    count: int,
    mean_rr: float,
    variability: float,
) -> np.ndarray:
    """Return RR intervals of sinus rhythm, shape (count,), s.

    Respiratory and low-frequency modulation with a little noise (Task Force 1996).
    """
    time = np.arange(count) * mean_rr
    respiratory = population.draw("rsa", generator) * variability
    low = population.draw("lf_variability", generator) * variability
    modulation = (
        1
        + respiratory
        * np.sin(
            2 * np.pi * (population.draw("respiration", generator) * time + generator.random())
        )
        + low * np.sin(2 * np.pi * (generator.uniform(0.06, 0.13) * time + generator.random()))
        + 0.008 * generator.standard_normal(count)
    )
    return mean_rr * np.clip(modulation, 0.75, 1.3)


def fibrillation_intervals(
    generator: np.random.Generator, population: Population, count: int, mean_rr: float
) -> np.ndarray:
    """Return RR intervals of atrial fibrillation, shape (count,), s.

    Independent, skewed (shifted gamma); their coefficient of variation is about 0.24 in
    atrial fibrillation (Tateno 2001); none is shorter than the atrioventricular node's
    refractory time.
    """
    variation = population.draw("af.cv", generator)
    shortest = min(population.draw("af.shortest_rr", generator), 0.75 * mean_rr)
    above = mean_rr - shortest
    shape = (above / (variation * mean_rr)) ** 2
    return shortest + generator.gamma(shape, above / shape, count)


def regular_beats(generator: np.random.Generator, intervals: np.ndarray, start: float) -> Beats:
    """Return conducted beats at the given intervals; the first is up to one RR before start."""
    onset = start - generator.random() * intervals[0] + np.concatenate([[0], np.cumsum(intervals)])
    return Beats(onset, np.full(len(onset), "N"), onset.copy())


def with_premature_beats(
    generator: np.random.Generator,
    population: Population,
    beats: Beats,
    kinds: str,
    places: np.ndarray,
) -> Beats:
    """Return the beats with some of them coming early.

    An atrial premature beat resets the sinus node: the next beat follows about one RR (a little
    more) later, the pause is not fully compensatory. A ventricular one does not reset it: the
    next beat comes when it would have come anyway, and the pause is fully compensatory
    (Surawicz 2008).
    """
    onset, kind, sinus = beats.onset.copy(), beats.kind.copy(), beats.sinus.copy()
    for what, place in zip(kinds, places, strict=True):
        rr = onset[place] - onset[place - 1]
        if what == "V":
            coupling = max(population.draw("pvc.coupling", generator) * rr, 0.34)
            onset[place] = onset[place - 1] + min(coupling, 0.86 * rr)
        else:
            coupling = max(population.draw("pac.coupling", generator) * rr, 0.36)
            early = onset[place] - (onset[place - 1] + min(coupling, 0.88 * rr))
            following = onset[place + 1] - onset[place]
            late = (population.draw("pac.return", generator) - 1) * following
            onset[place] -= early
            onset[place + 1 :] += min(late, 0.9 * early) - early
            sinus[place] -= early
            sinus[place + 1 :] += min(late, 0.9 * early) - early
        kind[place] = what
    return Beats(onset, kind, sinus)


def premature_places(
    generator: np.random.Generator, beats: Beats, seconds: float, count: int
) -> np.ndarray:
    """Return up to `count` indices of beats inside the recording, at least three apart."""
    inside = np.flatnonzero((beats.onset > 0.8) & (beats.onset < seconds - 0.5))
    inside = inside[(inside > 1) & (inside < len(beats.onset) - 2)]
    chosen: list[int] = []
    for place in generator.permutation(inside):
        if len(chosen) == count:
            break
        if all(abs(place - other) >= 3 for other in chosen):
            chosen.append(int(place))
    return np.array(sorted(chosen), dtype=int)
