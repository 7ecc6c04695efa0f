"""ST segment, T and U waves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ekg.simulator.waves import Waves

_SQRT_2PI = float(np.sqrt(2 * np.pi))


@dataclass(frozen=True)
class Beat:
    """One kind of ventricular beat; times count from the onset of QRS."""

    qrs: Waves
    recovery: Waves
    """ST, T and U waves at the QT interval `qt`."""
    duration: float
    """QRS, s."""
    qt: float
    """s, at the mean RR."""


def area(waves: Waves) -> np.ndarray:
    """Return the area under the waves, shape (3,), mV s (their flanks; tops not counted)."""
    return (waves.vector * ((waves.rise + waves.fall) / 2 * _SQRT_2PI)[:, None]).sum(axis=0)


@dataclass(frozen=True)
class TShape:
    """The T wave's form, as shares of the QT interval.

    The upstroke is slower than the downstroke in a normal T wave (Rautaharju 2009).
    """

    rise: float
    fall: float
    ramp: float
    """Height of the ST segment's climb into the T wave, as a share of the T wave's height."""

    def waves(self, vector: np.ndarray, qrs_duration: float, qt: float) -> Waves:
        """Return the ST ramp and the T wave for a peak vector; T ends at `qt`."""
        rise, fall = self.rise * qt, self.fall * qt
        peak = qt - 2.0 * fall
        ramp = qrs_duration + 0.58 * (peak - qrs_duration)
        width = 0.30 * (peak - qrs_duration)
        return Waves.of(
            np.vstack([self.ramp * vector, vector]), [ramp, peak], [width, rise], [width, fall]
        )

    def area_per_height(self, qrs_duration: float, qt: float) -> float:
        """Return the area (mV s) of the ramp and T wave whose peak is 1 mV."""
        return float(area(self.waves(np.array([1.0, 0, 0]), qrs_duration, qt))[0])


def secondary_t_vector(
    t_vector: np.ndarray,
    usual: Waves,
    qrs: Waves,
    shape: TShape,
    duration: float,
    qt: float,
    share: float,
) -> np.ndarray:
    """Return the T vector that goes with an altered activation, shape (3,), mV.

    The ventricular gradient, the area of QRS and T together, does not depend on the order of
    activation (Wilson 1934). So a wide QRS in one direction draws ST and T in the other: the
    secondary, discordant change of bundle branch block and ventricular ectopy. Only a share of
    it is put into the bell-shaped T wave; with all of it T would be taller than in real
    recordings.
    """
    change = area(qrs) - area(usual)
    return t_vector - share * change / shape.area_per_height(duration, qt)


def st_shift(
    vector: np.ndarray, qrs_duration: float, qt: float, tilt: float, reach: float
) -> Waves:
    """Return a shift of the ST segment that begins at J and melts into the T wave.

    `vector`: Level at J, shape (3,), mV.
    """
    hold = reach * (qt - qrs_duration)
    fall = 0.16 * (qt - qrs_duration)
    return Waves.of([vector], [qrs_duration - 0.004], [0.011], [fall], [hold], [tilt])


def j_notch(vector: np.ndarray, qrs_duration: float, width: float) -> Waves:
    """Return the notch or slur at J of early repolarisation (Macfarlane 2015)."""
    return Waves.of([vector], [qrs_duration + 0.3 * width], [width])


def u_wave(vector: np.ndarray, qt: float) -> Waves:
    """Return a U wave after T, in the direction of T, largest in V2-V3 (Rautaharju 2009)."""
    return Waves.of([vector], [qt + 0.075], [0.035])


def qt_interval(rr: float, qtc: float) -> float:
    """Return QT in s at an RR interval, by Fridericia's cube root (Fridericia 1920)."""
    return qtc * float(np.cbrt(rr))
