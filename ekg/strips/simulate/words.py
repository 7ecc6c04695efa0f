"""Texts that machines print around the traces; none is anybody's."""

from __future__ import annotations

import numpy as np

_STATEMENTS = (
    "Sinus rhythm",
    "Normal sinus rhythm",
    "Normal ECG",
    "Abnormal ECG",
    "Sinus bradycardia",
    "Atrial fibrillation",
    "Left axis deviation",
    "Right bundle branch block",
    "Borderline ECG",
    "Nonspecific ST abnormality",
    "Left ventricular hypertrophy",
    "T wave abnormality",
    "Premature ventricular complexes",
    "First degree A-V block",
    "Unconfirmed report",
    "Possible inferior infarct",
    "Poor data quality",
    "Otherwise normal ECG",
)
_FIELDS = (
    "ID:",
    "Name:",
    "Sex:",
    "Age:",
    "Height:",
    "Weight:",
    "Room:",
    "Loc:",
    "Technician:",
    "Referred by:",
    "Confirmed by:",
    "Test ind:",
    "Medication:",
    "Comment:",
    "Option:",
)
_WORDS = (
    "report",
    "ward",
    "clinic",
    "page",
    "copy",
    "rest",
    "supine",
    "filter",
    "device",
    "version",
    "lead",
    "check",
    "review",
    "no change",
    "compare",
    "previous",
    "value",
    "limits",
    "paced",
)


def _number(generator: np.random.Generator, low: int, high: int) -> str:
    return str(int(generator.integers(low, high)))


def measurements(generator: np.random.Generator) -> list[str]:
    """Return lines such as `PR interval 160 ms`."""
    n = generator
    lines = [
        f"Vent. rate {_number(n, 40, 150)} BPM",
        f"PR interval {_number(n, 110, 260)} ms",
        f"QRS duration {_number(n, 70, 160)} ms",
        f"QT/QTc {_number(n, 320, 480)}/{_number(n, 380, 500)} ms",
        f"P-R-T axes {_number(n, 0, 90)} {_number(n, -40, 110)} {_number(n, -20, 120)}",
        f"RR {_number(n, 400, 1300)} ms",
        f"RV5/SV1 1.{_number(n, 10, 99)}/0.{_number(n, 10, 99)} mV",
    ]
    return [lines[k] for k in sorted(n.permutation(len(lines))[: n.integers(3, 7)])]


def statements(generator: np.random.Generator) -> list[str]:
    """Return lines of an interpretation."""
    count = int(generator.integers(1, 4))
    return [str(s) for s in generator.choice(_STATEMENTS, count, replace=False)]


def fields(generator: np.random.Generator) -> list[str]:
    """Return a patient's fields, filled with numbers or nothing."""
    chosen = generator.choice(_FIELDS, int(generator.integers(2, 6)), replace=False)
    return [
        f"{name} {_number(generator, 1, 99999)}" if generator.random() < 0.6 else str(name)
        for name in chosen
    ]


def date(generator: np.random.Generator) -> str:
    """Return a date and a time."""
    n = generator
    day, month, year = n.integers(1, 29), n.integers(1, 13), n.integers(1985, 2026)
    clock = f"{n.integers(0, 24):02d}:{n.integers(0, 60):02d}"
    form = ("{d:02d}.{m:02d}.{y}", "{y}-{m:02d}-{d:02d}", "{m}/{d}/{y}")[int(n.integers(3))]
    return f"{form.format(d=day, m=month, y=year)} {clock}"


def footer(generator: np.random.Generator, speed: float, gain: float) -> list[str]:
    """Return what stands below the traces: speed, gain, filters, the device."""
    n = generator
    forms = (
        [f"{speed:g} mm/s", f"{gain:g} mm/mV"],
        [f"{speed:g}mm/s", f"{gain:g}mm/mV"],
        [f"{speed:.1f} mm/s   {gain:.1f} mm/mV"],
        [f"Speed: {speed:g} mm/sec", f"Limb: {gain:g} mm/mV"],
        [f"V: {speed:g} mm/s", f"A: {gain:g} mm/mV"],
    )
    parts = list(forms[int(n.integers(len(forms)))])
    if n.random() < 0.6:
        parts.append(str(n.choice(["0.05 - 40 Hz", "0.15-150 Hz", "F 50~ 0.5-35 Hz W", "40 Hz"])))
    if n.random() < 0.5:
        parts.append(
            f"{n.choice(['ekg', 'CART', 'series', 'unit'])} {_number(n, 10, 999)} "
            f"V{_number(n, 1, 9)}.{_number(n, 0, 99)}"
        )
    return parts


def prose(generator: np.random.Generator, words: int) -> str:
    """Return so many words."""
    pool = [*_WORDS, *(w.lower() for s in _STATEMENTS for w in s.split())]
    return " ".join(str(w) for w in generator.choice(pool, words))
