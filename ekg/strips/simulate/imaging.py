"""From the clean page to the image file: geometry, paper, light, camera, compression."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ekg.strips.simulate import geometry, paper, photography
from ekg.strips.simulate.effects import Effect, stretched
from ekg.strips.simulate.geometry import Bend, PageMap, Relief
from ekg.strips.simulate.kinds import Kind
from ekg.strips.simulate.plan import Plan
from ekg.strips.simulate.printing import Layers, compose
from ekg.strips.simulate.warping import through_mesh, to_image

_LATTICE = 20
"""Pixels between nodes of the map."""
_FINEST = 12.0
"""Pixels a mm of the drawn page, at most."""
_LARGEST = 12_000_000
"""Pixels of an image, at most."""


@dataclass
class View:
    """From where a page is seen."""

    page_map: PageMap
    size: tuple[int, int]
    resolution: float
    page_resolution: float
    photo: bool
    relief: Relief | None = None
    effects: list[Effect] = field(default_factory=list)


def _log_uniform(generator: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(generator.uniform(np.log(low), np.log(high))))


def draw_view(generator: np.random.Generator, plan: Plan, kind: Kind) -> View:
    """Choose the camera's place, or the scanner's, and how the sheet lies."""
    resolution = _log_uniform(generator, *kind.resolution)
    photo = bool(generator.random() < kind.photo)
    fill = generator.uniform(*kind.fill, size=2)
    shift = generator.normal(0, 0.3, 2) * np.maximum(1 - fill, 0)
    if generator.random() < kind.cut:
        side = int(generator.integers(2))
        fill[side] = generator.uniform(1.04, 1.18)
        shift[side] = generator.choice([-1, 1]) * (fill[side] - 1) / 2
    turn = generator.uniform(*kind.turn) * generator.choice([-1, 1])
    if generator.random() < kind.sideways:
        turn += generator.choice([90, 180, 270])
    tilt = generator.uniform(*kind.tilt) if photo else 0.0
    distance = generator.uniform(1.0, 2.5)
    view_of, size = geometry.camera(
        plan.sheet,
        resolution,
        turn=float(turn),
        tilt=tilt,
        tilt_axis=generator.uniform(0, 360),
        fill=(float(fill[0]), float(fill[1])),
        shift=(float(shift[0]), float(shift[1])),
        distance=distance,
        focus=_close_up(generator, plan) if generator.random() < kind.close_up else None,
    )
    too_large = size[0] * size[1] / _LARGEST
    if too_large > 1:
        view_of = geometry.Homography(
            np.diag([too_large**-0.5, too_large**-0.5, 1]) @ view_of.matrix
        )
        size = int(size[0] * too_large**-0.5), int(size[1] * too_large**-0.5)
        resolution *= too_large**-0.5
    effects = [Effect("camera", {"turn": round(float(turn), 2), "tilt": round(tilt, 2)})]
    bends: list[Bend] = []
    relief = None
    folds, wrinkles = (int(generator.integers(a, b + 1)) for a, b in (kind.folds, kind.wrinkles))
    if folds or wrinkles:
        relief = geometry.relief(generator, plan.sheet, folds, wrinkles)
        bends.append(relief)
        effects.append(Effect("folds", {"folds": folds, "wrinkles": wrinkles}))
    steepest = generator.uniform(*kind.curl)
    if steepest > 0:
        bends.append(geometry.curl(generator, plan.sheet, steepest, distance))
        effects.append(Effect("curl", {"slope": round(steepest, 3)}))
    bends.append(view_of)
    page_map = geometry.map_of(bends, size, _LATTICE)
    page_resolution = min(max(resolution * 1.2, 6.0), _FINEST)
    return View(page_map, size, resolution, page_resolution, photo, relief, effects)


def _close_up(
    generator: np.random.Generator, plan: Plan
) -> tuple[float, float, float, float] | None:
    """Return the part of the sheet around the traces, mm."""
    if not plan.segments:
        return None
    points = np.concatenate([segment.points for segment in plan.segments])
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    margins = generator.uniform([-1, 0, -1, 0], [14, 9, 12, 9])
    return (
        float(left - margins[0]),
        float(top - margins[1]),
        float(right + margins[2]),
        float(bottom + margins[3]),
    )


def sheet_in_colour(
    generator: np.random.Generator,
    plan: Plan,
    layers: Layers,
    kind: Kind,
    view: View,
    pen: np.ndarray | None,
    effects: list[Effect],
) -> np.ndarray:
    """Return the sheet as it lies there, uint8: ink, pen, stains and the shading of its folds."""
    size = layers.trace.shape[1], layers.trace.shape[0]
    strength: np.ndarray | float = 1.0
    if generator.random() < kind.fading:
        effect = paper.fading(generator, size, generator.uniform(0.3, 0.8))
        effects.append(effect)
        assert effect.field is not None
        strength = stretched(effect.field, size)
    if generator.random() < kind.patchy:
        share = generator.uniform(0.02, 0.2)
        strength = strength * paper.patchy_ink(generator, size, share)
        effects.append(Effect("patchy ink", {"share": round(share, 3)}))
    # The grid is as pale as nothing on some sheets and as dark as the pen on others.
    grid = (
        generator.uniform(1.15, 1.7) if generator.random() < 0.2 else generator.uniform(0.5, 1.15)
    )
    page = compose(layers, plan, strength, grid)
    if pen is not None:
        inks = ((0.1, 0.15, 0.5), (0.08, 0.08, 0.1), (0.7, 0.1, 0.12), (0.1, 0.35, 0.2))
        ink = np.array(inks[int(generator.integers(len(inks)))], dtype=np.float32)
        page += (pen[:, :, None] / np.float32(255)) * (ink - page)
    if generator.random() < kind.stains:
        effect = paper.stains(generator, size, int(generator.integers(1, 5)))
        effects.append(effect)
        assert effect.field is not None
        for channel in range(3):
            page[:, :, channel] *= stretched(effect.field[:, :, channel], size)
    if view.relief is not None:
        effect = paper.shading(generator, view.relief, plan.sheet)
        effects.append(effect)
        assert effect.field is not None
        page *= stretched(effect.field, size)[:, :, None]
    return _bytes(page)


def _bytes(picture: np.ndarray) -> np.ndarray:
    """Return values of 0 to 1 as whole numbers; `picture` is used up."""
    picture *= 255
    picture += 0.5
    return np.clip(picture, 0, 255, out=picture).astype(np.uint8)


def photographed(
    generator: np.random.Generator,
    sheet: np.ndarray,
    view: View,
    kind: Kind,
    effects: list[Effect],
) -> np.ndarray:
    """Return the image that camera, scanner or screen give of the sheet, uint8."""
    opaque = np.full((*sheet.shape[:2], 1), 255, np.uint8)
    image = to_image(
        np.concatenate([sheet, opaque], axis=2), view.page_resolution, view.page_map, view.size
    )
    around: np.ndarray | np.float32
    if view.photo:
        around = photography.desk(generator, view.size).astype(np.float32)
    else:
        around = np.float32(generator.choice([255, 250, 30]))
    # The sheet fades to black at its edge, where the desk comes in.
    part = 1 - image[:, :, 3:].astype(np.float32) / 255
    scene = (image[:, :, :3] + around * part) / np.float32(255)
    if view.photo:
        scene = _lit(generator, scene, view, kind, effects)
    elif kind.name != "screen":
        effect = photography.lamp(generator, view.size, generator.uniform(0, 0.06))
        effects.append(effect)
        assert effect.field is not None
        scene *= stretched(effect.field, view.size)[:, :, None]
    image = _bytes(scene)
    blur = generator.uniform(*kind.blur) * view.resolution
    if blur > 0.25:
        image = photography.defocus(image, blur)
        effects.append(Effect("defocus", {"pixels": round(blur, 3)}))
    if view.photo and generator.random() < kind.motion:
        length, angle = generator.uniform(0.1, 0.5) * view.resolution, generator.uniform(0, 180)
        image = photography.motion_blur(image, length, angle)
        effects.append(
            Effect("motion blur", {"pixels": round(length, 2), "angle": round(angle, 1)})
        )
    noise = generator.uniform(*kind.noise)
    if noise > 0:
        noisy = photography.sensor_noise(generator, image.astype(np.float32) / 255, noise)
        image = _bytes(noisy)
        effects.append(Effect("sensor noise", {"level": round(noise, 4)}))
    return image


def _lit(
    generator: np.random.Generator, scene: np.ndarray, view: View, kind: Kind, effects: list[Effect]
) -> np.ndarray:
    """Put fingers on the sheet and light on the scene."""
    if generator.random() < kind.fingers:
        effect, colour = photography.fingers(generator, view.size, view.resolution)
        effects.append(effect)
        assert effect.field is not None
        cover = stretched(effect.field, view.size)[:, :, None]
        scene += cover * (colour.astype(np.float32) - scene)
    lights = [photography.lamp(generator, view.size, generator.uniform(0, 0.7))]
    if generator.random() < kind.shadow:
        lights.append(photography.shadow(generator, view.size))
    for effect in lights:
        effects.append(effect)
        assert effect.field is not None
        scene *= stretched(effect.field, view.size)[:, :, None]
    cast, gains = photography.white_balance(generator)
    effects.append(cast)
    # Mostly a sheet comes out a little dark; now and then so bright that its lines are lost.
    exposure = (
        generator.uniform(0.55, 1.0) if generator.random() < 0.85 else generator.uniform(1, 1.3)
    )
    effects.append(Effect("exposure", {"factor": round(exposure, 3)}))
    middle = float(np.median(lights[0].field)) if lights[0].field is not None else 1.0
    scene *= (gains * exposure / middle).astype(np.float32)
    return scene


def as_file(
    generator: np.random.Generator,
    image: np.ndarray,
    page_map: PageMap,
    kind: Kind,
    effects: list[Effect],
) -> tuple[bytes, str, PageMap]:
    """Return the image as a file and its map: copied, resampled and compressed, perhaps twice."""
    if generator.random() < kind.copy:
        image, parameters = photography.photocopied(generator, image)
        effects.append(Effect("photocopy", parameters))
        if generator.random() < 0.4:  # dots of black and white become greys, as by fax
            least = min(max(4.3 / page_map.pixels_per_mm(), 0.4), 0.9)
            image, page_map = _smaller(generator, image, page_map, (least, 0.92), effects)
    if generator.random() < kind.moire:
        image, page_map = _smaller(generator, image, page_map, (0.82, 0.98), effects)
    if generator.random() < kind.lossless:
        return photography.png(image), ".png", page_map
    first, second = (int(q) for q in generator.integers(*kind.quality, size=2))
    coarse = bool(generator.random() < 0.7)
    content = photography.jpeg(image, first, coarse)
    if generator.random() < 0.5:
        left, top = (int(v) for v in generator.integers(0, 8, size=2))
        page_map = page_map.cropped(left, top)
        content = photography.jpeg(photography.decoded(content)[top:, left:], second, coarse)
        effects.append(Effect("second JPEG", {"quality": second, "left": left, "top": top}))
    effects.append(Effect("JPEG", {"quality": first}))
    return content, ".jpg", page_map


def _smaller(
    generator: np.random.Generator,
    image: np.ndarray,
    page_map: PageMap,
    factors: tuple[float, float],
    effects: list[Effect],
) -> tuple[np.ndarray, PageMap]:
    """Resize an image by a factor drawn from a range, sharply or not."""
    sharp = bool(generator.random() < 0.5)
    factor = generator.uniform(*factors)
    smaller = photography.resampled(image, factor, sharp)
    effects.append(Effect("resampling", {"factor": round(factor, 3), "sharp": sharp}))
    ratio = smaller.shape[1] / image.shape[1], smaller.shape[0] / image.shape[0]
    return smaller, page_map.scaled(ratio)


def pixels_of(content: bytes) -> np.ndarray:
    """Return the pixels of an image file."""
    return photography.decoded(content)


def seen(
    layer: np.ndarray, resolution: float, page_map: PageMap, size: tuple[int, int]
) -> np.ndarray:
    """Return a layer of the clean page as an image's map shows it, uint8."""
    step = 16
    x, y = np.meshgrid(np.arange(-(-size[0] // step) + 1), np.arange(-(-size[1] // step) + 1))
    pixels = np.column_stack([x.ravel(), y.ravel()]) * float(step)
    nodes = page_map.to_page(pixels).reshape(*x.shape, 2)
    return through_mesh(layer, nodes * resolution, step, size)
