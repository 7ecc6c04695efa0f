"""Every parameter's range and its clinical source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ekg.markdown import table

SOURCES: dict[str, str] = {
    "Bollmann 2006": "Analysis of surface electrocardiograms in atrial fibrillation: techniques, "
    "research, and clinical applications. Europace 8:911-926",
    "Dower 1980": "On deriving the electrocardiogram from vectorcardiographic leads. "
    "Clin Cardiol 3:87-95",
    "Draper 1964": "The corrected orthogonal electrocardiogram and vectorcardiogram in 510 normal "
    "men (Frank lead system). Circulation 30:853-864",
    "Durrer 1970": "Total excitation of the isolated human heart. Circulation 41:899-912",
    "Fridericia 1920": "Die Systolendauer im Elektrokardiogramm bei normalen Menschen und bei "
    "Herzkranken. Acta Med Scand 53:469-486",
    "Hancock 2009": "AHA/ACCF/HRS recommendations for the standardization and interpretation of "
    "the electrocardiogram, part V: electrocardiogram changes associated with cardiac chamber "
    "hypertrophy. Circulation 119:e251-e261",
    "Hindricks 2021": "2020 ESC guidelines for the diagnosis and management of atrial "
    "fibrillation. Eur Heart J 42:373-498",
    "Kligfield 2007": "Recommendations for the standardization and interpretation of the "
    "electrocardiogram, part I: the electrocardiogram and its technology. "
    "Circulation 115:1306-1324",
    "Kusumoto 2019": "2018 ACC/AHA/HRS guideline on the evaluation and management of patients "
    "with bradycardia and cardiac conduction delay. Circulation 140:e382-e482",
    "Macfarlane 2015": "The early repolarization pattern: a consensus paper. "
    "J Am Coll Cardiol 66:470-477",
    "Mason 2007": "Electrocardiographic reference ranges derived from 79,743 ambulatory subjects. "
    "J Electrocardiol 40:228-234",
    "McSharry 2003": "A dynamical model for generating synthetic electrocardiogram signals. "
    "IEEE Trans Biomed Eng 50:289-294",
    "Moody 1984": "A noise stress test for arrhythmia detectors. Comput Cardiol 11:381-384",
    "Rautaharju 2009": "AHA/ACCF/HRS recommendations for the standardization and interpretation "
    "of the electrocardiogram, part IV: the ST segment, T and U waves, and the QT interval. "
    "Circulation 119:e241-e250",
    "Rijnbeek 2014": "Normal values of the electrocardiogram for ages 16-90 years. "
    "J Electrocardiol 47:914-921",
    "Rudiger 2007": "Electrocardiographic artifacts due to electrode misplacement and their "
    "frequency in different clinical settings. Am J Emerg Med 25:174-178",
    "Sameni 2007": "Multichannel ECG and noise modeling: application to maternal and fetal ECG "
    "signals. EURASIP J Adv Signal Process 2007:043407",
    "Strauss 2011": "Defining left bundle branch block in the era of cardiac resynchronization "
    "therapy. Am J Cardiol 107:927-934",
    "Stridh 2001": "Spatiotemporal QRST cancellation techniques for analysis of atrial "
    "fibrillation. IEEE Trans Biomed Eng 48:105-111",
    "Surawicz 2008": "Chou's Electrocardiography in Clinical Practice, 6th edition. Saunders",
    "Surawicz 2009": "AHA/ACCF/HRS recommendations for the standardization and interpretation of "
    "the electrocardiogram, part III: intraventricular conduction disturbances. "
    "Circulation 119:e235-e240",
    "Task Force 1996": "Heart rate variability: standards of measurement, physiological "
    "interpretation, and clinical use. Circulation 93:1043-1065",
    "Tateno 2001": "Automatic detection of atrial fibrillation using the coefficient of variation "
    "and density histograms of RR and delta-RR intervals. Med Biol Eng Comput 39:664-671",
    "Thygesen 2018": "Fourth universal definition of myocardial infarction (2018). "
    "Circulation 138:e618-e651",
    "Wilson 1934": "The determination and the significance of the areas of the ventricular "
    "deflections of the electrocardiogram. Am Heart J 10:46-61",
    "Wagner 2009": "AHA/ACCF/HRS recommendations for the standardization and interpretation of "
    "the electrocardiogram, part VI: acute ischemia/infarction. Circulation 119:e262-e270",
}
"""Author and year -> title and place. The ranges below name them."""


@dataclass(frozen=True)
class Range:
    """A parameter's distribution: normal within bounds, or uniform where `sd` is None."""

    low: float  # bounds; nothing outside is ever drawn
    high: float  # bounds; nothing outside is ever drawn
    unit: str  # the unit, or "1"
    source: str  # keys of `SOURCES`, or "choice: why" where no publication gives the figure
    mean: float | None = None  # of the normal distribution before it is bounded
    sd: float | None = None  # of the normal distribution before it is bounded

    def draw(self, generator: np.random.Generator) -> float:
        """Draw one value."""
        if self.mean is None or self.sd is None:
            return float(generator.uniform(self.low, self.high))
        for value in generator.normal(self.mean, self.sd, 64):
            if self.low <= value <= self.high:
                return float(value)
        return float(np.clip(self.mean, self.low, self.high))


@dataclass(frozen=True)
class LogRange:
    """A positive parameter whose logarithm is normal, within bounds (noise levels)."""

    median: float
    spread: float
    low: float
    high: float
    unit: str
    source: str

    def draw(self, generator: np.random.Generator) -> float:
        """Draw one value."""
        return float(self.draw_many(generator, 1)[0])

    def draw_many(self, generator: np.random.Generator, size: int) -> np.ndarray:
        """Draw `size` values."""
        value = self.median * np.exp(self.spread * generator.standard_normal(size))
        return np.clip(value, self.low, self.high)


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
}

NOISE: dict[str, LogRange] = {
    "wander": LogRange(0.026, 0.7, 0.004, 0.35, "mV", "Moody 1984; choice: real records"),
    "muscle": LogRange(0.0055, 0.95, 0.0006, 0.07, "mV", "Moody 1984; choice: real records"),
    "mains": LogRange(0.0010, 1.1, 0.0, 0.05, "mV", "Kligfield 2007; choice: real records"),
    "motion": LogRange(0.25, 0.7, 0.05, 1.8, "mV", "Moody 1984; choice: real records"),
}


HOSPITAL_RANGES: dict[str, Range] = {
    "rate.AF": Range(45, 195, "1/min", "Hindricks 2021; choice: real records", 96, 31),
    "rsa": Range(0.003, 0.17, "of RR", "Task Force 1996; choice: real records", 0.045, 0.04),
    "lf_variability": Range(
        0.002, 0.08, "of RR", "Task Force 1996; choice: real records", 0.02, 0.018
    ),
    "af.cv": Range(0.07, 0.36, "of RR", "Tateno 2001; choice: real records", 0.20, 0.06),
    "p.amplitude": Range(0.03, 0.24, "mV", "Rijnbeek 2014", 0.115, 0.045),
    "pr.normal": Range(0.120, 0.200, "s", "Mason 2007; Rijnbeek 2014", 0.163, 0.022),
    "pr.I-AVB": Range(0.204, 0.400, "s", "Kusumoto 2019", 0.245, 0.040),
    "axis.normal": Range(-30, 90, "deg", "Surawicz 2009; choice: real records", 46, 34),
    "qrs.amplitude": Range(0.35, 2.4, "mV, frontal", "choice: real records", 1.13, 0.33),
    "t.amplitude": Range(0.09, 0.65, "mV, frontal", "choice: real records", 0.30, 0.09),
    "t.anterior": Range(0.02, 0.60, "mV, -z", "choice: real records", 0.32, 0.13),
    "st.normal": Range(-0.05, 0.05, "mV", "Rautaharju 2009; choice: real records", 0.0, 0.022),
    "st.AF": Range(-0.16, 0.05, "mV", "choice: real records", -0.045, 0.05),
    "st.other": Range(-0.06, 0.05, "mV", "choice: real records", -0.008, 0.03),
    "st.anterior": Range(0.0, 0.18, "mV, -z", "choice: real records", 0.055, 0.05),
    "st.depression": Range(
        0.03, 0.36, "mV, 2nd deepest lead", "Thygesen 2018; choice: real records", 0.055, 0.06
    ),
    "j.frontal": Range(-0.12, 0.12, "mV, x and y", "choice: real records", -0.012, 0.04),
    "j.posterior": Range(-0.05, 0.13, "mV, z", "choice: real records", 0.045, 0.035),
}
"""What differs in the population of a hospital."""

HOSPITAL_NOISE: dict[str, LogRange] = {
    "wander": LogRange(0.036, 0.75, 0.004, 0.35, "mV", "choice: real records"),
    "muscle": LogRange(0.0035, 1.0, 0.0004, 0.07, "mV", "choice: real records"),
}


def ranges_table() -> str:
    """Return every range of the simulator with its unit and source."""
    rows = []
    given_ranges = RANGES | {f"{name} (hospital)": r for name, r in HOSPITAL_RANGES.items()}
    for name, given in given_ranges.items():
        law = "uniform" if given.sd is None else f"normal, mean {given.mean:g}, SD {given.sd:g}"
        rows.append([name, f"{given.low:g}", f"{given.high:g}", law, given.unit, given.source])
    noises = NOISE | {f"{name} (hospital)": n for name, n in HOSPITAL_NOISE.items()}
    for name, noise in noises.items():
        law = f"log-normal, median {noise.median:g}, SD of log {noise.spread:g}"
        ends = [f"{noise.low:g}", f"{noise.high:g}"]
        rows.append([f"noise.{name}", *ends, law, noise.unit, noise.source])
    head = ("parameter", "lowest", "highest", "drawn from", "unit", "source")
    return "\n".join(table(head, rows)) + "\n"


def sources_list() -> str:
    """Return the list of publications that the ranges and the code name."""
    return "".join(f"* **{key}**: {title}.\n" for key, title in sorted(SOURCES.items()))
