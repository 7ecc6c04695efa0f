"""What happens between the sheet and the file: desk, fingers, light, lens, sensor, JPEG."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageFilter
from scipy.ndimage import convolve

from ekg.strips.simulate.effects import Effect, coarse_grid, smooth, stretched

_DESKS = (
    (0.55, 0.38, 0.25),
    (0.30, 0.20, 0.14),
    (0.12, 0.12, 0.13),
    (0.75, 0.72, 0.68),
    (0.35, 0.38, 0.45),
    (0.30, 0.15, 0.40),
    (0.62, 0.55, 0.48),
    (0.85, 0.86, 0.88),
)
_SKINS = ((0.87, 0.67, 0.55), (0.75, 0.53, 0.40), (0.50, 0.33, 0.24), (0.93, 0.76, 0.66))


def desk(generator: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Return a table top, uint8 (height, width, 3): plain, grained or blotched."""
    colour = np.array(_DESKS[int(generator.integers(len(_DESKS)))])
    half = (max(size[0] // 2, 2), max(size[1] // 2, 2))
    grain = 0.03 * smooth(generator, half, 5)
    if generator.random() < 0.6:
        fibres = generator.standard_normal((max(half[1] // 3, 2), max(half[0] // 60, 2)))
        if generator.random() < 0.5:
            fibres = generator.standard_normal((max(half[1] // 60, 2), max(half[0] // 3, 2)))
        grain = grain + generator.uniform(0.02, 0.08) * stretched(fibres, half)
    grain = grain + 0.01 * generator.standard_normal(grain.shape, dtype=np.float32)
    picture = np.clip(colour * (1 + 1.5 * grain[:, :, None]), 0, 1)
    small = Image.fromarray((picture * 255).astype(np.uint8))
    return np.asarray(small.resize(size, Image.Resampling.BILINEAR))


def fingers(
    generator: np.random.Generator, size: tuple[int, int], pixels_per_mm: float
) -> tuple[Effect, np.ndarray]:
    """Return one or two fingertips from an edge: their coverage (coarse) and their colour."""
    x, y = coarse_grid(size)
    x, y = x * size[0], y * size[1]
    cover = np.zeros(x.shape, dtype=np.float32)
    width = generator.uniform(7, 10) * pixels_per_mm
    side, along = int(generator.integers(4)), generator.uniform(0.1, 0.9)
    for number in range(int(generator.integers(1, 3))):
        place = along + number * 2.3 * width / (size[0] if side % 2 == 0 else size[1])
        root = np.array(
            [
                (place * size[0], 0),
                (size[0], place * size[1]),
                (place * size[0], size[1]),
                (0, place * size[1]),
            ][side]
        )
        inward = np.array([(0, 1), (-1, 0), (0, -1), (1, 0)][side])
        lean = generator.normal(0, 0.3)
        direction = inward + lean * inward[::-1]
        reach = generator.uniform(10, 28) * pixels_per_mm
        u = (x - root[0]) * direction[0] + (y - root[1]) * direction[1]
        u = np.clip(u / (1 + lean**2), -4 * width, reach)
        gap = np.hypot(x - root[0] - u * direction[0], y - root[1] - u * direction[1])
        cover = np.maximum(cover, np.clip((width - gap) / (0.15 * width) + 0.5, 0, 1))
    colour = np.array(_SKINS[int(generator.integers(len(_SKINS)))]) * generator.uniform(0.7, 1.1)
    return Effect("fingers", {"side": side}, cover), np.clip(colour, 0, 1)


def shadow(generator: np.random.Generator, size: tuple[int, int]) -> Effect:
    """Cast the shadow of a phone or hand: a straight or bent edge, sharp or soft."""
    x, y = coarse_grid(size, 4)
    angle = generator.uniform(0, 2 * np.pi)
    along = (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle)
    aside = -(x - 0.5) * np.sin(angle) + (y - 0.5) * np.cos(angle)
    soft = 10 ** generator.uniform(-2.4, -0.8)
    place = generator.uniform(-0.3, 0.3)
    edge = 1 / (1 + np.exp(np.clip((along - place) / soft, -30, 30)))
    if generator.random() < 0.6:  # the shadow's other side: a phone, an arm
        width = generator.uniform(0.2, 0.6)
        second = 1 / (1 + np.exp(np.clip((np.abs(aside) - width) / soft, -30, 30)))
        edge = edge * second
    depth = generator.uniform(0.15, 0.55)
    return Effect(
        "shadow", {"depth": round(depth, 3), "softness": round(soft, 4)}, 1 - depth * edge
    )


def lamp(generator: np.random.Generator, size: tuple[int, int], strength: float) -> Effect:
    """Light the scene unevenly: a gradient, a bright spot and the lens's dark corners."""
    x, y = coarse_grid(size)
    angle = generator.uniform(0, 2 * np.pi)
    slope = ((x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle)) * strength
    spot = generator.uniform(-0.2, 1.2, 2)
    reach = generator.uniform(0.3, 0.9)
    glow = np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / reach**2)
    corners = ((x - 0.5) ** 2 + (y - 0.5) ** 2) * generator.uniform(0, 0.35)
    field = (1 + slope - corners) * (1 + generator.uniform(-0.1, 0.3) * strength * (glow - 0.3))
    return Effect("lamp", {"strength": round(strength, 3)}, np.clip(field, 0.2, 1.6))


def white_balance(generator: np.random.Generator) -> tuple[Effect, np.ndarray]:
    """Return a colour cast: warm, cold, green, lilac, or none to speak of."""
    casts = {
        "neutral": (1.0, 1.0, 1.0),
        "warm": (1.0, 0.88, 0.70),
        "brown": (0.92, 0.76, 0.58),
        "cold": (0.88, 0.94, 1.0),
        "green": (0.80, 1.0, 0.88),
        "lilac": (0.92, 0.84, 0.98),
    }
    name = str(generator.choice(list(casts), p=[0.35, 0.25, 0.12, 0.12, 0.06, 0.1]))
    part = generator.uniform(0.3, 1.2)
    gains = np.clip(
        1 + part * (np.array(casts[name]) - 1) + generator.normal(0, 0.015, 3), 0.4, 1.1
    )
    return Effect("white balance", {"cast": name, "gains": np.round(gains, 3).tolist()}), gains


def defocus(image: np.ndarray, sigma: float) -> np.ndarray:
    """Blur an image (uint8) as a lens out of focus does."""
    return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(sigma)))


def motion_blur(image: np.ndarray, length: float, angle: float) -> np.ndarray:
    """Blur an image (uint8) along a direction (degrees) over `length` pixels."""
    reach = max(int(np.ceil(length / 2)), 1)
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1))
    a = np.deg2rad(angle)
    for part in np.linspace(-length / 2, length / 2, 41):
        x, y = reach + part * np.cos(a), reach + part * np.sin(a)
        i, j = int(np.floor(y)), int(np.floor(x))
        for k, down in ((i, 1 - (y - i)), (i + 1, y - i)):
            for m, across in ((j, 1 - (x - j)), (j + 1, x - j)):
                if k < kernel.shape[0] and m < kernel.shape[1]:
                    kernel[k, m] += down * across
    kernel = (kernel / kernel.sum()).astype(np.float32)
    blurred = [
        convolve(image[:, :, c].astype(np.float32), kernel, mode="nearest") for c in range(3)
    ]
    return np.stack(blurred, axis=-1).round().astype(np.uint8)


def sensor_noise(generator: np.random.Generator, image: np.ndarray, level: float) -> np.ndarray:
    """Add the noise of a sensor, soft as after a camera's own smoothing, to an image (float)."""
    height, width = image.shape[:2]
    grey = generator.standard_normal((height, width), dtype=np.float32)
    if generator.random() < 0.6:
        grey += np.roll(grey, 1, 0)
        grey += np.roll(grey, 1, 1)
        grey *= 0.6
    # Shot noise: darker parts have less of it, in the light; gamma raises it again.
    grey *= level * (0.5 + 0.35 * np.sqrt(image[:, :, 1]))
    colour = generator.standard_normal((height // 3 + 1, width // 3 + 1, 3), dtype=np.float32)
    colour *= 0.35 * level
    noisy = image + np.repeat(np.repeat(colour, 3, 0), 3, 1)[:height, :width]
    noisy += grey[:, :, None]
    return noisy


def resampled(image: np.ndarray, factor: float, sharp: bool) -> np.ndarray:
    """Resize an image (uint8); `sharp` without smoothing first, so that the grid gives moire."""
    size = round(image.shape[1] * factor), round(image.shape[0] * factor)
    if sharp:
        matrix = (image.shape[1] / size[0], 0, 0, 0, image.shape[0] / size[1], 0)
        turned = Image.fromarray(image).transform(
            size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
        )
        return np.asarray(turned)
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))


def photocopied(
    generator: np.random.Generator, image: np.ndarray
) -> tuple[np.ndarray, dict[str, object]]:
    """Return a black-and-white copy (uint8): grey, thresholded, or dithered as by fax."""
    grey = image.astype(np.float32) @ np.array([0.35, 0.5, 0.15], dtype=np.float32) / 255
    kind = str(generator.choice(["grey", "threshold", "dither"], p=[0.4, 0.25, 0.35]))
    paper = float(np.quantile(grey[::8, ::8], 0.9))
    grey = np.clip(grey / max(paper, 0.1), 0, 1.1)
    contrast = generator.uniform(1.2, 2.2)
    grey = np.clip(1 - contrast * (1 - grey), 0, 1)
    noise = generator.standard_normal(grey.shape, dtype=np.float32)
    if kind == "threshold":
        # The threshold lies between the trace and the lines, but may keep some of these.
        level = generator.uniform(0.45, 0.75)
        grey = (grey + 0.06 * noise > level).astype(np.float32)
    elif kind == "dither":
        tiled: np.ndarray
        screen = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16
        rows, columns = grey.shape
        tiled = np.tile(screen, (rows // 4 + 1, columns // 4 + 1))[:rows, :columns]
        if generator.random() < 0.5:
            tiled = generator.random(grey.shape, dtype=np.float32)
        grey = (grey > 0.15 + 0.7 * tiled).astype(np.float32)
    else:
        grey = grey + 0.03 * noise
    specks = generator.random(grey.shape, dtype=np.float32) < generator.uniform(0, 0.0006)
    grey = np.where(specks, 0.1, grey)
    out = np.repeat((np.clip(grey, 0, 1) * 255).astype(np.uint8)[:, :, None], 3, axis=2)
    return out, {"kind": kind, "contrast": round(contrast, 2)}


def jpeg(image: np.ndarray, quality: int, coarse_colour: bool) -> bytes:
    """Return an image as a JPEG file."""
    stream = io.BytesIO()
    Image.fromarray(image).save(
        stream, "JPEG", quality=quality, subsampling=2 if coarse_colour else 0
    )
    return stream.getvalue()


def decoded(content: bytes) -> np.ndarray:
    """Return the pixels of an image file, uint8 (height, width, 3)."""
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture.convert("RGB"))


def png(image: np.ndarray) -> bytes:
    """Return an image as a PNG file."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG", compress_level=3)
    return stream.getvalue()
