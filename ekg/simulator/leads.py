"""From the heart's dipole to electrodes and leads.

Axes are Frank's: x to the patient's left, y to the feet, z to the back, in millivolts as the
corrected orthogonal leads would show them.
"""

from __future__ import annotations

import numpy as np

ELECTRODES: tuple[str, ...] = ("RA", "LA", "LL", "V1", "V2", "V3", "V4", "V5", "V6")

DOWER = np.array(
    [
        [0.632, -0.235, 0.059],  # I
        [0.235, 1.066, -0.132],  # II
        [-0.515, 0.157, -0.917],  # V1
        [0.044, 0.164, -1.387],  # V2
        [0.882, 0.098, -1.277],  # V3
        [1.213, 0.127, -0.601],  # V4
        [1.125, 0.127, -0.086],  # V5
        [0.831, 0.076, 0.230],  # V6
    ]
)
"""Lead vectors of I, II and V1 to V6: (8, 3), Dower, Machado and Osborne 1980."""

_AVF = DOWER[1] - DOWER[0] / 2
_AVF_GAIN = np.sqrt(3) / 2  # an augmented lead sees a frontal vector this much smaller than I does


def frank_vector(
    amplitude: float | np.ndarray, angle: float | np.ndarray, z: float | np.ndarray
) -> np.ndarray:
    """Return the dipole that an average torso shows as a given vector of the hexaxial system.

    The x and y components solve lead I = amplitude cos(angle) and
    aVF = (sqrt(3)/2) amplitude sin(angle) with the lead vectors of `DOWER`.
    """
    amplitude, angle, z = np.broadcast_arrays(
        np.asarray(amplitude, float), np.radians(np.asarray(angle, float)), np.asarray(z, float)
    )
    lead_i = amplitude * np.cos(angle) - DOWER[0, 2] * z
    lead_avf = _AVF_GAIN * amplitude * np.sin(angle) - _AVF[2] * z
    inverse = np.linalg.inv(np.array([DOWER[0, :2], _AVF[:2]]))
    xy = np.stack([lead_i, lead_avf], axis=-1) @ inverse.T
    return np.concatenate([xy, z[..., None]], axis=-1)


def frontal_axis(lead_i: float, lead_avf: float) -> float:
    """Return the hexaxial angle in degrees (-180 to 180) of net amplitudes in I and aVF."""
    return float(np.degrees(np.arctan2(lead_avf / _AVF_GAIN, lead_i)))


def electrode_potentials(independent: np.ndarray) -> np.ndarray:
    """Return potentials of `ELECTRODES` against Wilson's central terminal.

    `independent`: Leads I, II, V1..V6, shape (8, N), mV.
    """
    lead_i, lead_ii = independent[0], independent[1]
    right_arm = -(lead_i + lead_ii) / 3
    return np.vstack([right_arm, right_arm + lead_i, right_arm + lead_ii, independent[2:]])


def independent_leads(electrodes: np.ndarray) -> np.ndarray:
    """Return leads I, II, V1..V6, shape (8, N), of electrode potentials, shape (9, N)."""
    right_arm, left_arm, left_leg = electrodes[:3]
    terminal = (right_arm + left_arm + left_leg) / 3
    return np.vstack([left_arm - right_arm, left_leg - right_arm, electrodes[3:] - terminal])


def twelve_leads(independent: np.ndarray) -> np.ndarray:
    """Return the standard twelve leads, shape (12, N), of I, II, V1..V6, shape (8, N).

    III = II - I (Einthoven); aVR = -(I + II)/2, aVL = I - II/2, aVF = II - I/2 (Goldberger).
    """
    lead_i, lead_ii = independent[0], independent[1]
    return np.vstack(
        [
            lead_i,
            lead_ii,
            lead_ii - lead_i,
            -(lead_i + lead_ii) / 2,
            lead_i - lead_ii / 2,
            lead_ii - lead_i / 2,
            independent[2:],
        ]
    )


_ATRIAL_SHARE = np.array([1.0, 1.0, 0.95, 0.65, 0.50, 0.48, 0.52, 0.60])[:, None]


def atrial_lead_field(ventricular: np.ndarray) -> np.ndarray:
    """Return lead vectors for the atria, shape (8, 3).

    The atria are behind the ventricles, far from the electrodes V2-V6 and nearest to V1: the
    chest leads see less of them than of an equal dipole in the ventricles.
    """
    return np.vstack([DOWER[:2], ventricular[2:]]) * _ATRIAL_SHARE


_RECOVERY_SHARE = np.array([1.0, 1.0, 1.0, 1.05, 0.76, 0.74, 0.82, 1.12])[:, None]
"""ST and T of the healthy, measured over what one dipole predicts from I, II and V2."""


def recovery_lead_field(ventricular: np.ndarray) -> np.ndarray:
    """Return lead vectors for ST, T and U, shape (8, 3).

    Recovery is spread over the wall and is no single dipole: seen from I, II and V2 it would be
    a third larger in V3 to V5 than recordings show.
    """
    return ventricular * _RECOVERY_SHARE


def torso_lead_field(generator: np.random.Generator, spread: float = 1.0) -> np.ndarray:
    """Return one person's lead vectors, shape (8, 3), scattered about `DOWER`.

    Body build and electrode placement move the precordial lead vectors most; repeated
    placement of chest electrodes commonly differs by centimetres (Kligfield 2007). `spread`
    scales the scatter; 0 gives `DOWER` itself.
    """
    length = np.linalg.norm(DOWER, axis=1, keepdims=True)
    share = np.array([0.04, 0.04, 0.12, 0.12, 0.12, 0.12, 0.10, 0.10])[:, None]
    turned = DOWER + spread * share * length * generator.standard_normal(DOWER.shape)
    gain = np.exp(spread * np.array([0, 0, 1, 1, 1, 1, 1, 1]) * generator.normal(0, 0.12, 8))
    return turned * gain[:, None]
