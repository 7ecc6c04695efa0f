"""Small pages with a known signal, drawn by the tests themselves."""

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.figure import Figure

from ekg.records.record import LEADS

RATE = 500.0
GRID = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))


def twelve_leads(seconds=10.0, heart_rate=70.0):
    """Twelve leads that obey Einthoven's and Goldberger's laws, in millivolts."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = time % (60 / heart_rate)

    def wave(middle, width, height):
        return height * np.exp(-0.5 * ((phase - middle) / width) ** 2)

    def lead(p, q, r, s, t):
        return (
            wave(0.12, 0.022, p)
            - wave(0.262, 0.008, q)
            + wave(0.28, 0.010, r)
            - wave(0.302, 0.010, s)
            + wave(0.52, 0.045, t)
        )

    one, two = lead(0.08, 0.05, 0.7, 0.15, 0.2), lead(0.13, 0.08, 1.1, 0.2, 0.3)
    limb = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
    chest = [
        lead(0.05, 0.0, r, s, t)
        for r, s, t in (
            (0.2, 0.9, -0.1),
            (0.4, 1.3, 0.3),
            (0.7, 0.9, 0.4),
            (1.2, 0.5, 0.4),
            (1.1, 0.3, 0.3),
            (0.9, 0.1, 0.2),
        )
    ]
    return np.array([*limb, *chest])


def printed(signal, rhythm="II"):
    """The part of the signal that a 3x4 page with a rhythm row shows: NaN elsewhere."""
    shown = np.full_like(signal, np.nan)
    quarter = signal.shape[1] // 4
    for names in GRID:
        for column, name in enumerate(names):
            part = slice(quarter * column, quarter * (column + 1))
            shown[LEADS.index(name), part] = signal[LEADS.index(name), part]
    if rhythm:
        shown[LEADS.index(rhythm)] = signal[LEADS.index(rhythm)]
    return shown


def figure_of(signal, *, names=True, scale_text=True, gain=10.0, grid="#e9a0a0", rhythm=True):
    """A landscape A4 page: 3x4 and a rhythm row of lead II at 25 mm/s."""
    figure = Figure(figsize=(297 / 25.4, 210 / 25.4))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, 297)
    axes.set_ylim(210, 0)
    axes.axis("off")
    if grid:
        for x in range(10, 288):
            axes.plot([x, x], [10, 200], color=grid, lw=0.7 if x % 5 == 0 else 0.25, zorder=1)
        for y in range(10, 201):
            axes.plot([10, 287], [y, y], color=grid, lw=0.7 if y % 5 == 0 else 0.25, zorder=1)
    quarter = signal.shape[1] // 4
    rows = [*GRID, ("II",)] if rhythm else list(GRID)
    for number, leads in enumerate(rows):
        base = 52.3 + 37 * number
        pulse = [16, 18, 18, 23, 23, 25]
        high = [0, 0, 10, 10, 0, 0] if gain == 10 else [0, 0, gain, gain, 0, 0]
        axes.plot(pulse, [base - h for h in high], color="black", lw=0.8, zorder=3)
        for column, lead in enumerate(leads):
            part = (
                slice(quarter * column, quarter * (column + 1)) if len(leads) > 1 else slice(None)
            )
            values = signal[LEADS.index(lead), part]
            start = 26 + quarter * column / RATE * 25
            x = start + np.arange(len(values)) / RATE * 25
            axes.plot(x, base - gain * values, color="black", lw=0.8, zorder=3)
            if names:
                axes.text(start + 1, base - 13.5, lead, fontsize=9, va="center", zorder=3)
    if scale_text:
        axes.text(20, 204, f"25 mm/s  {gain:g} mm/mV", fontsize=8)
    return figure


def save_pdf(figure, path):
    """Save a figure as a vector PDF."""
    with mpl.rc_context({"pdf.fonttype": 42, "path.simplify": False}):
        FigureCanvasPdf(figure).print_pdf(path)


def pixels_of(figure, dpi=200):
    """A figure as uint8 RGB."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    with mpl.rc_context({"path.simplify": False}):
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def pdf_bytes(content, size=(842, 595), rotate=0, text=()):
    """A PDF of one page, put together by hand."""
    words = "".join(f"BT /F1 9 Tf {x} {y} Td ({word}) Tj ET\n" for word, x, y in text)
    stream = (content + words).encode("latin-1")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {size[0]} {size[1]}] /Rotate {rotate} "
            "/Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
        ).encode(),
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        table,
    )
    return out
