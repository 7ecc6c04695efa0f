"""One slice as a picture file: exactly as in an image set, labelled, or on clinical paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf

from ekg.config import SliceConfig
from ekg.errors import ImageError
from ekg.files import atomic_path
from ekg.images.clinical import make_clinical_figure
from ekg.images.labelled import make_labelled_figure
from ekg.images.layout import check_size
from ekg.images.paper_figure import matplotlib_defaults
from ekg.images.png import write_png
from ekg.images.renderer import Renderer
from ekg.records.record import Record

STYLES = ("exact", "labelled", "clinical")
_USUAL_SIZE = {"exact": 800, "labelled": 1400, "clinical": 2970}
_NOTE = "Not for clinical use"


def save_picture(
    record: Record,
    start: int,
    target: str | Path,
    *,
    style: str = "exact",
    size: int | None = None,
    config: SliceConfig | None = None,
) -> None:
    """Draw one slice of a record into a file.

    Parameters
    ----------
    record
        The recording, at the sampling frequency of `config`.
    start
        First sample of the slice.
    target
        PNG file; for the styles `labelled` and `clinical` also PDF, by its suffix.
    style
        `exact`: the image that the network sees. `labelled`: the same page with lead names and
        axes. `clinical`: pink paper at 25 mm/s and 10 mm/mV with a rhythm strip.
    size
        Pixels on the (longer) side; 800, 1400 and 2970 by default. The scale of a PDF, and the
        resolution noted in a PNG, are such that clinical paper prints at true scale.
    config
        Length of the slice; the paper's by default.

    Raises
    ------
    ImageError
        If the slice does not lie within the record, or style, size or file type is not one
        that can be drawn.
    """
    target = Path(target)
    length = (config or SliceConfig()).length
    n_samples = record.signal.shape[1]
    kind = target.suffix.lower()
    if style not in STYLES:
        raise ImageError(f"style {style!r} is not one of {', '.join(STYLES)}")
    if not 0 <= start <= n_samples - length:
        raise ImageError(
            f"a slice of {length} samples from sample {start} does not lie within its {n_samples} "
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
            f"a picture of style {style} cannot be written as {kind or 'a file without suffix'}",
            path=target,
            remedy="name the file .png" + ("" if style == "exact" else " or .pdf"),
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
    with matplotlib_defaults(), atomic_path(target) as temporary:
        make = make_labelled_figure if style == "labelled" else make_clinical_figure
        figure = make(record, start, length)
        # No dates: the same slice gives the same file.
        metadata: dict[str, Any] = {"Title": f"Record {record.name}, sample {start}"}
        if kind == ".pdf":
            metadata |= {"Subject": _NOTE, "CreationDate": None}
            FigureCanvasPdf(figure).print_pdf(temporary, metadata=metadata)
        else:
            figure.set_dpi(pixels / max(figure.get_size_inches()))
            FigureCanvasAgg(figure).print_png(temporary, metadata={**metadata, "Comment": _NOTE})
