"""How a page became an image: eight kinds, each a table of ranges and probabilities."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ekg.strips.simulate.styles import Range


@dataclass(frozen=True)
class Kind:
    """Ranges are drawn from; single numbers are probabilities."""

    name: str
    resolution: Range
    """Pixels a mm in the frame, drawn evenly on a logarithmic scale."""
    weight: float = 1.0
    photo: float = 0.0
    """A camera above a desk; otherwise a scanner or a screen."""
    turn: Range = (0.0, 0.0)
    """Degrees, either way."""
    tilt: Range = (0.0, 0.0)
    fill: Range = (1.0, 1.0)
    """Extent of the sheet in parts of the frame, by side; above 1 it is cut."""
    sideways: float = 0.0
    curl: Range = (0.0, 0.0)
    folds: tuple[int, int] = (0, 0)
    wrinkles: tuple[int, int] = (0, 0)
    cut: float = 0.0
    """A side of the sheet lies outside the frame."""
    close_up: float = 0.0
    """The frame shows the traces, not the whole sheet."""
    fading: float = 0.1
    patchy: float = 0.1
    stains: float = 0.0
    pen: float = 0.0
    fingers: float = 0.0
    shadow: float = 0.0
    blur: Range = (0.0, 0.0)
    """Spread of the defocus, mm."""
    motion: float = 0.0
    noise: Range = (0.0, 0.0)
    copy: float = 0.0
    moire: float = 0.0
    quality: tuple[int, int] = (60, 95)
    lossless: float = 0.0


_CAMERA = Kind(
    "photographed",
    (4.5, 10.5),
    2.5,
    photo=1.0,
    turn=(0.0, 14.0),
    tilt=(0.0, 26.0),
    fill=(0.7, 1.03),
    sideways=0.06,
    curl=(0.0, 0.3),
    fading=0.3,
    patchy=0.2,
    pen=0.2,
    fingers=0.1,
    shadow=0.35,
    blur=(0.02, 0.14),
    motion=0.15,
    noise=(0.006, 0.035),
    cut=0.2,
    moire=0.2,
    quality=(45, 95),
    stains=0.06,
    close_up=0.3,
)

KINDS: tuple[Kind, ...] = (
    Kind(
        "screen",
        (4.5, 12.0),
        1.2,
        cut=0.15,
        close_up=0.3,
        fading=0.05,
        patchy=0.0,
        moire=0.15,
        lossless=0.7,
        quality=(75, 95),
    ),
    Kind(
        "scan",
        (5.9, 11.8),
        1.2,
        turn=(0.0, 1.5),
        fill=(0.97, 1.0),
        curl=(0.0, 0.03),
        cut=0.15,
        fading=0.3,
        patchy=0.3,
        pen=0.15,
        blur=(0.02, 0.09),
        noise=(0.004, 0.02),
        lossless=0.3,
    ),
    Kind(
        "copy",
        (5.0, 11.8),
        1.0,
        turn=(0.0, 2.0),
        close_up=0.2,
        fill=(0.97, 1.0),
        cut=0.15,
        fading=0.3,
        patchy=0.3,
        pen=0.15,
        blur=(0.03, 0.12),
        noise=(0.004, 0.02),
        copy=1.0,
        lossless=0.5,
    ),
    Kind(
        "tilted",
        (4.5, 10.0),
        1.0,
        turn=(3.0, 25.0),
        fill=(0.95, 1.02),
        sideways=0.1,
        fading=0.2,
        patchy=0.1,
        blur=(0.02, 0.1),
        noise=(0.0, 0.02),
        moire=0.2,
        lossless=0.4,
    ),
    _CAMERA,
    replace(
        _CAMERA,
        name="folded",
        resolution=(4.8, 10.5),
        weight=2.0,
        folds=(1, 5),
        wrinkles=(0, 40),
    ),
    replace(
        _CAMERA,
        name="stained",
        resolution=(4.8, 10.5),
        weight=1.0,
        photo=0.5,
        tilt=(0.0, 15.0),
        curl=(0.0, 0.15),
        stains=1.0,
        pen=0.8,
    ),
    replace(
        _CAMERA,
        name="low",
        resolution=(4.0, 5.2),
        weight=1.0,
        photo=0.6,
        turn=(0.0, 6.0),
        tilt=(0.0, 15.0),
        curl=(0.0, 0.15),
        fill=(0.9, 1.1),
        close_up=0.6,
        blur=(0.05, 0.16),
        quality=(30, 80),
    ),
)

BY_NAME = {kind.name: kind for kind in KINDS}
