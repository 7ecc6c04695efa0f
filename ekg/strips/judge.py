"""Accept a page, accept some of its leads, or refuse it with the reason and what to do."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ekg.records.record import LEADS
from ekg.strips.intake import StripError
from ekg.strips.reading import sample_count, sampled
from ekg.strips.traced import Trace, TracedPage

CONFIDENT = 0.9
"""Share of a lead's columns that must be confident."""
EINTHOVEN = 0.15
"""Share of the limb leads' power that II - I - III may have where the three are simultaneous."""
RHYTHM = 0.9
"""Correlation of a rhythm row with its own lead."""
NAMED = 0.25
"""Share of the names that must be seen where the other checks speak for the usual order."""
LARGEST = 6.0
"""Millivolts beyond a lead's middle."""
_BAR = 40
"""Samples at either end of a column that Einthoven's law is not asked for."""
_TRIPLES = (("II", "I", "III"),)


@dataclass(frozen=True)
class Verdict:
    """What was found about a page that is accepted."""

    page: TracedPage
    """With the accepted leads alone."""
    refused: dict[str, str]
    """Leads that are shown but not accepted, and why."""
    checks: dict[str, float | None]


def judge(page: TracedPage) -> Verdict:
    """Check a page's traces against each other.

    Raises
    ------
    StripError
        If the page is to be refused.
    """
    count = sample_count(page)
    refused: dict[str, str] = {}
    kept: list[Trace] = []
    for trace in page.traces:
        if trace.lead not in (*LEADS, "-aVR"):
            refused[trace.lead] = "is none of the twelve leads"
            continue
        values = sampled(trace, page, count)
        largest = float(np.nanmax(np.abs(values), initial=0.0))
        if trace.confidence < CONFIDENT:
            refused[trace.lead] = f"only {trace.confidence:.0%} of it is confident"
        elif largest > LARGEST:
            refused[trace.lead] = f"reaches {largest:.1f} mV"
        else:
            kept.append(trace)
    shown = [trace for trace in page.traces if trace.lead in (*LEADS, "-aVR")]
    if not shown:
        raise StripError(
            "shows none of the twelve standard leads", remedy="nothing of it can be used"
        )
    _refuse_twice(page, kept)
    kept = _better_of_two(kept, page, count, refused)
    checks = {
        "einthoven": _einthoven(kept, page, count),
        "rhythm": _rhythm(kept, page, count),
    }
    if checks["einthoven"] is not None and checks["einthoven"] > EINTHOVEN:
        raise StripError(
            f"II - I - III has {checks['einthoven']:.0%} of the limb leads' power "
            f"(expected at most {EINTHOVEN:.0%}): leads or scale were misread",
            remedy="give --layout, or a sharper picture",
        )
    if checks["rhythm"] is not None and checks["rhythm"] < RHYTHM:
        raise StripError(
            f"a rhythm row fits its own lead only with r = {checks['rhythm']:.2f} "
            f"(expected {RHYTHM})",
            remedy="give --layout, or a sharper picture",
        )
    _refuse_unnamed(page, checks)
    if len(kept) < 0.5 * len(shown):
        raise StripError(
            f"only {len(kept)} of the {len(shown)} traces could be read with confidence",
            remedy="give a sharper, evenly lit picture of the whole page",
        )
    return Verdict(replace(page, traces=kept), refused, checks)


def _better_of_two(
    kept: list[Trace], page: TracedPage, count: int, refused: dict[str, str]
) -> list[Trace]:
    """Where a rhythm row and its own lead differ, keep the one that the other two leads confirm."""
    for row in [trace for trace in kept if trace.rhythm and trace.lead in ("I", "II", "III")]:
        own = [one for one in kept if one.lead == row.lead and not one.rhythm]
        if not own:
            continue
        fit = _rhythm([row, *own], page, count)
        if fit is None or fit >= RHYTHM:
            continue
        for wrong, place in ((own[0], "column"), (row, "row")):
            rest = [trace for trace in kept if trace is not wrong]
            power = _einthoven(rest, page, count)
            if power is not None and power <= EINTHOVEN:
                refused[f"{wrong.lead} ({place})"] = "differs from the same lead elsewhere"
                kept = rest
                break
    return kept


def _refuse_unnamed(page: TracedPage, checks: dict[str, float | None]) -> None:
    """Refuse a page whose names were not seen, unless what it shows says the order itself."""
    if page.names_source != "layout":
        return
    seen = page.facts.get("names_seen")
    einthoven, rhythm = checks["einthoven"], checks["rhythm"]
    sure = (
        isinstance(seen, float)
        and seen >= NAMED
        and einthoven is not None
        and einthoven < 0.1
        and rhythm is not None
        and rhythm > 0.95
    )
    if not sure:
        raise StripError(
            "too few of the lead names could be read", remedy="give the arrangement with --layout"
        )


def _refuse_twice(page: TracedPage, kept: list[Trace]) -> None:
    """Refuse a page on which one name stands at two traces that are no rhythm row."""
    seen: set[str] = set()
    for trace in kept:
        if trace.rhythm:
            continue
        if trace.lead in seen:
            raise StripError(
                f"lead {trace.lead} is found twice", remedy="give the arrangement with --layout"
            )
        seen.add(trace.lead)


def _signals(kept: list[Trace], page: TracedPage, count: int) -> dict[str, np.ndarray]:
    return {
        trace.lead: sampled(trace, page, count)
        for trace in kept
        if not trace.rhythm or trace.lead not in {one.lead for one in kept if not one.rhythm}
    }


def _einthoven(kept: list[Trace], page: TracedPage, count: int) -> float | None:
    """Return the power of II - I - III over that of the three, None where not simultaneous."""
    signals = _signals(kept, page, count)
    if not {"I", "II", "III"} <= signals.keys():
        return None
    one, two, three = (signals[lead] for lead in ("I", "II", "III"))
    both = np.isfinite(one) & np.isfinite(two) & np.isfinite(three)
    if both.sum() < 500:
        return None
    one, two, three = (part[both] for part in (one, two, three))
    inner = slice(_BAR, -_BAR)  # a bar between columns may hide a QRS of one row
    best = np.inf
    for late in range(-4, 5):  # rows are cut at slightly different places
        rest = two[inner] - np.roll(one, late)[inner] - three[inner]
        best = min(best, float(np.var(rest)))
    power = float(np.mean([np.var(part[inner]) for part in (one, two, three)]))
    return best / max(power, 1e-9)


def _rhythm(kept: list[Trace], page: TracedPage, count: int) -> float | None:
    """Return the lowest correlation of a rhythm row with its own lead, None without one."""
    found = []
    for row in kept:
        if not row.rhythm:
            continue
        for lead in kept:
            if lead.lead != row.lead or lead.rhythm:
                continue
            first, second = (sampled(trace, page, count) for trace in (row, lead))
            both = np.flatnonzero(np.isfinite(first) & np.isfinite(second))
            if len(both) < 500:
                continue
            found.append(_correlation(first[both], second[both]))
    return min(found) if found else None


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    best = -1.0
    for late in range(-15, 16):
        a = np.roll(first, late)[20:-20]
        best = max(best, float(np.corrcoef(a, second[20:-20])[0, 1]))
    return best
