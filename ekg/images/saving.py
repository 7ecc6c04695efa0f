"""One slice as a file: exactly as the network sees it, or as an image for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ekg.config import SliceConfig
from ekg.errors import ImageError
from ekg.files import atomic_path
from ekg.images.layout import check_size
from ekg.images.png import write_png
from ekg.images.renderer import Renderer
from ekg.records.record import Record

STYLES = ("exact", "labelled", "clinical")
_USUAL_SIZE = {"exact": 800, "labelled": 1400, "clinical": 2970}
_NOTE = "Not for clinical use"


def save_image(
    record: Record,
    start: int,
    target: str | Path,
    *,
    style: str = "exact",
    size: int | None = None,
    config: SliceConfig | None = None,
) -> None:
    """Draw one slice of a record into a file.

    `style`: `exact`: the image that the network sees. `labelled`: the same page with lead names and
    axes. `clinical`: pink paper at 25 mm/s and 10 mm/mV with a rhythm strip.
    """
    target = Path(target)
    length = (config or SliceConfig()).length
    n_samples = record.signal.shape[1]
    kind = target.suffix.lower()
    if style not in STYLES:
        raise ImageError(f"style {style!r} is not one of {', '.join(STYLES)}")
    if not 0 <= start <= n_samples - length:
        raise ImageError(
            f"a slice of {length} samples from sample {start} is not within its {n_samples} "
            "samples",
            path=record.header.path,
            remedy=(
                f"give a start from 0 to {n_samples - length}"
                if n_samples >= length
                else "use a longer recording"
            ),
        )
    if kind != ".png" and (style == "exact" or kind != ".pdf"):
        raise ImageError(
            f"an image of style {style} cannot be written as {kind or 'a file without suffix'}",
            path=target,
            remedy="give the file .png" + ("" if style == "exact" else " or .pdf"),
        )
    if size is not None and style == "exact":
        check_size(size)
    target.parent.mkdir(parents=True, exist_ok=True)
    if style == "exact":
        part = record.signal[:, start : start + length]
        write_png(target, Renderer(size or _USUAL_SIZE[style]).draw(part))
        return
    pixels = size or _USUAL_SIZE[style]
    if not 100 <= pixels <= 20_000:
        raise ImageError(f"{pixels} pixels cannot be drawn", remedy="choose from 100 to 20000")
    _save_figure(record, start, length, target, style, pixels)


def _save_figure(
    record: Record, start: int, length: int, target: Path, style: str, pixels: int
) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_pdf import FigureCanvasPdf

    from ekg.images.display import make_clinical_figure, make_labelled_figure
    from ekg.images.paper_figure import matplotlib_defaults

    with matplotlib_defaults(), atomic_path(target) as temporary:
        make = make_labelled_figure if style == "labelled" else make_clinical_figure
        figure = make(record, start, length)
        # No dates: the same slice gives the same file.
        metadata: dict[str, Any] = {"Title": f"Record {record.name}, sample {start}"}
        if target.suffix.lower() == ".pdf":
            metadata |= {"Subject": _NOTE, "CreationDate": None}
            FigureCanvasPdf(figure).print_pdf(temporary, metadata=metadata)
        else:
            figure.set_dpi(pixels / max(figure.get_size_inches()))
            FigureCanvasAgg(figure).print_png(temporary, metadata={**metadata, "Comment": _NOTE})
