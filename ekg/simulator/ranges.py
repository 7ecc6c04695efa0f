"""Every parameter's range and its source, in one table (printed into docs/simulator.md)."""

from __future__ import annotations

import numpy as np

from ekg.simulator.sources import LogRange, Range

RANGES: dict[str, Range] = {
    # Rhythm
    "rate.Normal": Range(52, 105, "1/min", "Mason 2007; Rijnbeek 2014", 73, 12),
    "rate.AF": Range(45, 175, "1/min", "Hindricks 2021", 92, 25),
    "rate.I-AVB": Range(44, 100, "1/min", "Kusumoto 2019; Mason 2007", 67, 12),
    "rate.LBBB": Range(48, 130, "1/min", "Mason 2007", 79, 16),
    "rate.RBBB": Range(46, 130, "1/min", "Mason 2007", 76, 15),
    "rate.STD": Range(48, 145, "1/min", "Mason 2007; Wagner 2009", 83, 18),
    "rate.STE": Range(42, 125, "1/min", "Macfarlane 2015; Thygesen 2018", 66, 15),
    "rate.ectopic": Range(48, 115, "1/min", "Mason 2007", 75, 14),
    "rate.MI": Range(48, 120, "1/min", "Mason 2007", 76, 14),
    "rate.HF": Range(55, 130, "1/min", "Mason 2007", 86, 15),
    "rsa": Range(0.003, 0.09, "of RR", "Task Force 1996", 0.035, 0.02),
    "lf_variability": Range(0.002, 0.05, "of RR", "Task Force 1996", 0.015, 0.01),
    "respiration": Range(0.15, 0.35, "Hz", "Task Force 1996", 0.25, 0.05),
    "af.cv": Range(0.12, 0.34, "of RR", "Tateno 2001", 0.22, 0.05),
    "af.shortest_rr": Range(0.27, 0.40, "s", "Bollmann 2006"),
    "pac.coupling": Range(0.50, 0.85, "of RR", "Surawicz 2008"),
    "pac.return": Range(1.00, 1.30, "of RR", "Surawicz 2008"),
    "pvc.coupling": Range(0.45, 0.80, "of RR", "Surawicz 2008"),
    # Atria
    "p.duration": Range(0.080, 0.120, "s", "Rijnbeek 2014", 0.104, 0.010),
    "p.amplitude": Range(0.04, 0.24, "mV", "Rijnbeek 2014", 0.12, 0.04),
    "p.axis": Range(0, 80, "deg", "Rijnbeek 2014", 54, 17),
    "pr.normal": Range(0.120, 0.198, "s", "Mason 2007; Rijnbeek 2014", 0.155, 0.018),
    "pr.I-AVB": Range(0.210, 0.380, "s", "Kusumoto 2019", 0.245, 0.035),
    "f.rate": Range(4.0, 9.0, "Hz", "Bollmann 2006", 6.3, 0.9),
    "f.amplitude": Range(0.01, 0.22, "mV in V1", "Bollmann 2006; Stridh 2001", 0.07, 0.045),
    # Ventricles
    "qrs.normal": Range(0.072, 0.110, "s", "Mason 2007; Rijnbeek 2014", 0.088, 0.008),
    "qrs.LBBB": Range(0.124, 0.180, "s", "Surawicz 2009; Strauss 2011", 0.146, 0.013),
    "qrs.RBBB": Range(0.121, 0.170, "s", "Surawicz 2009", 0.134, 0.011),
    "qrs.iRBBB": Range(0.098, 0.120, "s", "Surawicz 2009", 0.111, 0.006),
    "qrs.ectopic": Range(0.130, 0.190, "s", "Surawicz 2008", 0.155, 0.014),
    "qrs.HF": Range(0.095, 0.135, "s", "Surawicz 2009", 0.114, 0.010),
    "axis.normal": Range(-30, 90, "deg", "Surawicz 2009; Rijnbeek 2014", 55, 26),
    "axis.LBBB": Range(-75, 85, "deg", "Surawicz 2009; Strauss 2011", 5, 38),
    "axis.RBBB": Range(-70, 110, "deg", "Surawicz 2009", 38, 42),
    "axis.LAFB": Range(-85, -45, "deg", "Surawicz 2009", -58, 10),
    "qrs.amplitude": Range(0.35, 2.2, "mV, frontal", "Rijnbeek 2014; Draper 1964", 0.95, 0.33),
    # Repolarisation
    "qtc": Range(0.365, 0.455, "s", "Mason 2007; Rautaharju 2009", 0.410, 0.018),
    "t.amplitude": Range(0.08, 0.55, "mV, frontal", "Rijnbeek 2014", 0.24, 0.08),
    "t.axis": Range(0, 85, "deg", "Rijnbeek 2014; Rautaharju 2009", 42, 18),
    "t.anterior": Range(0.02, 0.45, "mV, -z", "Draper 1964; Rijnbeek 2014", 0.26, 0.10),
    "st.normal": Range(-0.02, 0.03, "mV", "Rautaharju 2009"),
    "st.AF": Range(-0.08, 0.045, "mV", "Rautaharju 2009; choice: real records", -0.025, 0.03),
    "st.other": Range(-0.045, 0.045, "mV", "Rautaharju 2009; Thygesen 2018", -0.005, 0.025),
    "st.anterior": Range(0.0, 0.09, "mV, -z", "Rautaharju 2009; Macfarlane 2015", 0.05, 0.025),
    "st.depression": Range(0.055, 0.32, "mV, 2nd deepest lead", "Thygesen 2018", 0.07, 0.06),
    "st.elevation": Range(0.02, 0.5, "mV over threshold, 2 leads", "Thygesen 2018", 0.15, 0.12),
    "u.amplitude": Range(0.0, 0.05, "mV", "Rautaharju 2009"),
}  # fmt: skip

NOISE: dict[str, LogRange] = {
    "wander": LogRange(0.026, 0.7, 0.004, 0.35, "mV", "Moody 1984; choice: real records"),
    "muscle": LogRange(0.0055, 0.95, 0.0006, 0.07, "mV", "Moody 1984; choice: real records"),
    "mains": LogRange(0.0010, 1.1, 0.0, 0.05, "mV", "Kligfield 2007; choice: real records"),
    "motion": LogRange(0.25, 0.7, 0.05, 1.8, "mV", "Moody 1984; choice: real records"),
}


def draw(name: str, generator: np.random.Generator) -> float:
    """Draw a parameter of `RANGES`."""
    return RANGES[name].draw(generator)
