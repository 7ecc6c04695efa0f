"""Two readers of the same records: McNemar's exact test and Cohen's kappa."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from ekg.evaluation.intervals import percentile_interval
from ekg.evaluation.levels import Units, levels_of, majority_vote

MEAN_RULE = "largest mean probability over the record's images"
VOTE_RULE = "most votes of the record's images, ties go to the tied class that comes first"


def mcnemar_exact(a_only: int, b_only: int) -> float:
    """Return the two-sided exact p value of McNemar's test.

    Under equal error rates each discordant record falls to either side like a fair coin: a
    binomial test (McNemar 1947; exact form Fay 2010). Valid for any number of records, as long
    as each is counted once: images of one record must not enter it.
    """
    discordant = a_only + b_only
    return float(binomtest(a_only, discordant, 0.5).pvalue) if discordant else 1.0


def decisions(predictions: pd.DataFrame, classes: tuple[str, ...], rule: str) -> np.ndarray:
    """Return one class index a record, int (n_records,), records in natural order."""
    levels = levels_of(predictions, classes)
    if rule == MEAN_RULE:
        return levels["per_record"].predictions
    images = levels["per_image"]
    return majority_vote(images.records, images.predictions, len(classes))


def resampled_kappa(
    first: np.ndarray, second: np.ndarray, n_classes: int, counts: np.ndarray
) -> np.ndarray:
    """Return Cohen's kappa in each resample of records, (B,); NaN where chance explains all.

    `first, second`: Class index that each reader gives each record, int (n_records,); `counts`:
    Resampled counts of the records, (B, n_records).
    """
    cells = np.eye(n_classes * n_classes, dtype=np.float32)[first * n_classes + second]
    tables = (counts @ cells).reshape(-1, n_classes, n_classes).astype(np.float64)
    total = tables.sum(axis=(1, 2))
    observed = np.einsum("bkk->b", tables) / total
    expected = (tables.sum(axis=2) * tables.sum(axis=1)).sum(axis=1) / total**2
    room = 1 - expected
    return np.divide(observed - expected, room, out=np.full(len(counts), np.nan), where=room > 1e-9)


def agreement_of(
    a: pd.DataFrame,
    b: pd.DataFrame,
    units: Units,
    counts: np.ndarray | None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Compare two readers' decisions record by record.

    `counts`: Resampled counts of the records; None gives no interval for kappa.
    """
    classes = units.classes
    with_probabilities = all(
        "per_record" in levels_of(predictions, classes) for predictions in (a, b)
    )
    rule = MEAN_RULE if with_probabilities else VOTE_RULE
    first, second = decisions(a, classes, rule), decisions(b, classes, rule)
    truth = units.record_labels
    a_right, b_right = first == truth, second == truth
    a_only, b_only = int((a_right & ~b_right).sum()), int((b_right & ~a_right).sum())
    one_class = len(set(first) | set(second)) == 1  # kappa is 0/0 there
    kappa = None if one_class else float(cohen_kappa_score(first, second))
    summary = {
        "rule": rule,
        "records": len(truth),
        "both_right": int((a_right & b_right).sum()),
        "a_only": a_only,
        "b_only": b_only,
        "both_wrong": int((~a_right & ~b_right).sum()),
        "agree": int((first == second).sum()),
        "mcnemar_p": mcnemar_exact(a_only, b_only),
        "kappa": kappa,
        "kappa_interval": None
        if counts is None or kappa is None
        else percentile_interval(resampled_kappa(first, second, len(classes), counts)),
    }
    differing = [
        {
            "record": units.record_names[k],
            "label": classes[truth[k]],
            "a": classes[first[k]],
            "b": classes[second[k]],
        }
        for k in np.flatnonzero(first != second)
    ]
    return summary, differing
