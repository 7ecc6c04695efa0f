"""What the Python reader of pages makes of a picture, stage by stage: for the page's tests."""

import numpy as np

from ekg.records.record import LEADS
from ekg.strips.flatten import refine
from ekg.strips.grid import darkness, grow
from ekg.strips.ink import find_ink
from ekg.strips.intake import StripError, open_pages
from ekg.strips.judge import judge
from ekg.strips.layout import layout_named
from ekg.strips.picture import PictureOptions, flat_page, read_picture
from ekg.strips.reading import sample_count, to_record
from ekg.strips.seed import find_seed
from ekg.strips.vector import VectorOptions, read_vector


def grid_stages(rgb):
    """Seed, lattice and measured nodes of a picture that needs no reduction."""
    most, least = darkness(rgb, 16)
    seed = find_seed(most)
    lattice, grower = grow(most, seed)
    nodes, quality = refine(lattice, grower, np.stack([most, least], axis=2))
    return {
        "most": most,
        "least": least,
        "seed": [seed.x, seed.y, *seed.right, *seed.down, seed.score, seed.margin],
        "lattice": lattice.places,
        "latticeQuality": lattice.quality,
        "nodes": nodes,
        "quality": quality,
    }


def ink_stages(rgb):
    """The flat page and its ink."""
    flat, unit, margin = flat_page(rgb)
    ink = find_ink(flat)
    return {
        "unit": unit,
        "margin": margin,
        "flat": flat.rgb,
        "mapX": flat.map_x,
        "mapY": flat.map_y,
        "strength": ink.strength,
        "trace": ink.trace,
        "sure": ink.sure,
        "text": ink.text,
        "raw": ink.raw,
    }


def reading_of(rgb, layout=None, speed=None, gain=None):
    """What is read from a picture: signal and facts, or the refusal."""
    options = PictureOptions(None if layout is None else layout_named(layout), speed, gain)
    return _told(lambda: read_picture(rgb, options))


def pdf_reading_of(path, number=1):
    """What is read from a page of a vector PDF; None of a scan."""
    page = open_pages(path)[number - 1].pdf
    return _told(lambda: read_vector(page, VectorOptions(), 150 / 25.4))


def _told(read):
    try:
        page = read()
        if page is None:
            return None
        verdict = judge(page)
    except StripError as error:
        return {"refused": error.problem, "remedy": error.remedy}
    page = verdict.page
    signal = to_record(page, "page", None).signal
    assert signal.shape == (len(LEADS), sample_count(page))
    return {
        "signal": signal,
        "traces": [[trace.lead, trace.row, trace.column, trace.rhythm] for trace in page.traces],
        "confidence": [trace.confidence for trace in page.traces],
        "layout": page.layout,
        "namesSource": page.names_source,
        "facts": page.facts,
        "warnings": page.warnings,
        "scale": [
            page.scale.speed,
            page.scale.gain,
            page.scale.speed_source,
            page.scale.gain_source,
        ],
        "refusedLeads": verdict.refused,
        "checks": verdict.checks,
    }
