"""Ranges of the simulator's parameters, each with the clinical source it was taken from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
    """A parameter's distribution: normal within bounds, or uniform where `sd` is None.

    Parameters
    ----------
    low, high
        Bounds; nothing outside is ever drawn.
    unit
        The unit, or "1".
    source
        Keys of `SOURCES`, or "choice: why" where no publication gives the figure.
    mean, sd
        Of the normal distribution before it is bounded.
    """

    low: float
    high: float
    unit: str
    source: str
    mean: float | None = None
    sd: float | None = None

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
