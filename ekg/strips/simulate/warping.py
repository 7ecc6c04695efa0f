"""Moving images from the page to the image and back, along the exact map."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ekg.strips.simulate.geometry import PageMap


def through_mesh(
    picture: np.ndarray, nodes: np.ndarray, step: int, size: tuple[int, int]
) -> np.ndarray:
    """Resample an image: bilinear in place and in value, black outside.

    Parameters
    ----------
    picture
        uint8 of shape (H, W), (H, W, 3) or (H, W, 4).
    nodes
        Where in it the nodes of the result's lattice lie, pixels, shape (rows, columns, 2).
    step
        Pixels between nodes in the result.
    size
        Width and height of the result.
    """
    rows, columns = nodes.shape[0] - 1, nodes.shape[1] - 1
    left, top = np.arange(columns) * step, np.arange(rows) * step
    right, bottom = np.minimum(left + step, size[0]), np.minimum(top + step, size[1])
    # Pillow wants the corners of each cell's source: what it puts between them is bilinear. The
    # last cells may be cut by the image's edge.
    s = np.ones((rows, columns, 1)) * ((right - left) / step)[None, :, None]
    t = np.ones((rows, columns, 1)) * ((bottom - top) / step)[:, None, None]
    corner = nodes[:-1, :-1]
    across, down = s * (nodes[:-1, 1:] - corner), t * (nodes[1:, :-1] - corner)
    twist = s * t * (nodes[1:, 1:] - nodes[:-1, 1:] - nodes[1:, :-1] + corner)
    quads = np.concatenate(
        [corner, corner + down, corner + across + down + twist, corner + across], axis=2
    )
    boxes = [
        (int(left[j]), int(top[i]), int(right[j]), int(bottom[i]))
        for i in range(rows)
        for j in range(columns)
    ]
    mesh = list(zip(boxes, map(tuple, quads.reshape(-1, 8).tolist()), strict=True))
    source = _as_picture(picture)
    turned = source.transform(size, Image.Transform.MESH, mesh, resample=Image.Resampling.BILINEAR)
    return np.asarray(turned)


def _as_picture(picture: np.ndarray) -> Image.Image:
    """Return an array as an image; four channels as CMYK, since RGBA would be multiplied by A."""
    if picture.ndim == 3 and picture.shape[2] == 4:
        content = np.ascontiguousarray(picture).tobytes()
        return Image.frombytes("CMYK", picture.shape[1::-1], content)
    return Image.fromarray(picture)


def to_image(
    picture: np.ndarray, resolution: float, page_map: PageMap, size: tuple[int, int]
) -> np.ndarray:
    """Show an image of the page (`resolution` pixels a mm) as the image of a map sees it."""
    step = round(page_map.step[0])
    return through_mesh(picture, page_map.lattice * resolution, step, size)


def to_flat(
    image: np.ndarray,
    page_map: PageMap,
    sheet: tuple[float, float],
    resolution: float,
    shift: np.ndarray | None = None,
    step: int = 12,
    margin: float = 0.0,
) -> np.ndarray:
    """Flatten an image: the page again, `resolution` pixels a mm, by the exact map.

    Parameters
    ----------
    image
        uint8.
    sheet
        Width and height of the page, mm.
    shift
        An error to be made, mm, at the nodes: shape (rows, columns, 2) for nodes every `step`
        pixels of the result.
    margin
        mm of what lies around the sheet, on each side.
    """
    size = flat_size(sheet, resolution, margin)
    points = flat_nodes(size, step) / resolution - margin
    if shift is not None:
        points = points + shift
    shape = points.shape
    # A finer image is first made about as coarse as the result: nothing folds back.
    shrink = page_map.pixels_per_mm() / resolution
    if shrink > 1.15:
        smaller = _as_picture(image).resize(
            (round(image.shape[1] / shrink), round(image.shape[0] / shrink)),
            Image.Resampling.BOX if shrink > 1.8 else Image.Resampling.BILINEAR,
        )
        factor = smaller.width / image.shape[1], smaller.height / image.shape[0]
        image, page_map = np.asarray(smaller), page_map.scaled(factor)
    pixels = page_map.to_pixel(points.reshape(-1, 2)).reshape(shape)
    return through_mesh(image, pixels, step, size)


def flat_size(
    sheet: tuple[float, float], resolution: float, margin: float = 0.0
) -> tuple[int, int]:
    """Return width and height of a flattened page, pixels."""
    return round((sheet[0] + 2 * margin) * resolution), round((sheet[1] + 2 * margin) * resolution)


def flat_nodes(size: tuple[int, int], step: int) -> np.ndarray:
    """Return the pixel coordinates of a lattice's nodes, shape (rows, columns, 2)."""
    columns, rows = (-(-side // step) + 1 for side in size)
    x, y = np.meshgrid(np.arange(columns) * step, np.arange(rows) * step)
    return np.stack([x, y], axis=-1).astype(float)
