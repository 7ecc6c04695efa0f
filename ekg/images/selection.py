"""Which records are drawn, and under which class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from ekg.config import PAPER_SEED, SliceConfig
from ekg.records.diagnoses import DIAGNOSES, ECTOPY, unknown_diagnoses

Status = Literal["kept", "excluded", "skipped"]
"""kept: drawn. excluded: left out by the paper's rules. skipped: it cannot be used."""


@dataclass(frozen=True)
class ImageSetConfig:
    """What decides the pixels of an image set and which records are in it."""

    size: int = 800
    """Pixels on a side."""
    seed: int = PAPER_SEED
    """With a record's name it decides where the slices lie."""
    slices: SliceConfig = field(default_factory=SliceConfig)
    keep_multi: bool = False
    """Draw records with several diagnoses too; the paper leaves them out."""
    keep_ectopy: bool = False
    """Draw records with PAC or PVC too; the paper leaves them out."""

    def pixel_settings(self) -> dict[str, Any]:
        """Return what two runs into one folder must have in common."""
        return {"size": self.size, "seed": self.seed, "slices": asdict(self.slices)}


@dataclass(frozen=True)
class Decision:
    """What becomes of a record by its diagnoses."""

    status: Status
    reason: str = ""
    diagnosis: str = ""
    """Name of the class, if kept."""


def decide(diagnoses: Sequence[str], config: ImageSetConfig) -> Decision:
    """Apply the paper's exclusions to a record's diagnoses.

    Parameters
    ----------
    diagnoses
        Abbreviations; unknown codes as written.
    config
        `keep_multi` and `keep_ectopy` switch the exclusions off.

    Returns
    -------
    Decision
        The class of a record with several diagnoses is their names in the order of
        `ekg.records.diagnoses.DIAGNOSES`, joined by `+`: `AF+RBBB`.
    """
    if not diagnoses:
        return Decision("skipped", "no diagnosis in the header")
    unknown = unknown_diagnoses(diagnoses)
    if unknown:
        return Decision(
            "skipped",
            f"unknown diagnosis code{'s' if len(unknown) > 1 else ''} {', '.join(unknown)}",
        )
    if len(diagnoses) > 1 and not config.keep_multi:
        return Decision("excluded", "multi-label")
    ectopy = [diagnosis for diagnosis in ECTOPY if diagnosis in diagnoses]
    if ectopy and not config.keep_ectopy:
        return Decision("excluded", f"ectopy ({', '.join(ectopy)})")
    ordered = [d.abbreviation for d in DIAGNOSES if d.abbreviation in diagnoses]
    return Decision("kept", diagnosis="+".join(ordered))
