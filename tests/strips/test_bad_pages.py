"""What is no page of an EKG: one clear line, nothing lost."""

import numpy as np
import pypdfium2 as pdfium
import pytest
from PIL import Image

from ekg.errors import EkgError
from ekg.strips import StripError, read_strip
from ekg.strips.read import ReadOptions, options_from_json
from tests.strips.strip_pages import figure_of, pdf_bytes, pixels_of, save_pdf, twelve_leads


def refusal(path, **options):
    with pytest.raises(StripError) as caught:
        read_strip(path, **options)
    line = str(caught.value)
    assert "\n" not in line and line.startswith(str(path))
    return line


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"not a picture at all", "not a readable image or PDF"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "not a readable|corrupt"),
        (b"%PDF-1.4\ngarbage", "damaged"),
        (b"GIF89a" + bytes(60), "not a readable"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path, content, words):
    path = tmp_path / "page.png"
    path.write_bytes(content)
    assert any(word in refusal(path) for word in words.split("|"))


def test_missing_files_and_folders_are_refused(tmp_path):
    assert "file not found" in refusal(tmp_path / "nothing.png")
    assert "folder" in refusal(tmp_path)


@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_a_truncated_picture_is_refused(tmp_path, share, kind):
    whole = tmp_path / f"whole.{kind}"
    Image.fromarray(pixels_of(figure_of(twelve_leads()), dpi=60)).save(whole)
    data = whole.read_bytes()
    path = tmp_path / f"cut.{kind}"
    path.write_bytes(data[: int(share * len(data))])
    assert "corrupt" in refusal(path) or "not a readable" in refusal(path)


def test_a_picture_of_two_hundred_megapixels_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "huge.png"
    Image.new("1", (20_000, 10_000)).save(path)
    assert "expected at most" in refusal(path)


def test_tiny_and_moving_pictures_are_refused(tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "tiny.png")
    assert "too few" in refusal(tmp_path / "tiny.png")
    frames = [Image.new("RGB", (200, 200), colour) for colour in ("white", "black")]
    frames[0].save(tmp_path / "moving.png", save_all=True, append_images=frames[1:])
    assert "expected one" in refusal(tmp_path / "moving.png")


def cat_like():
    """Soft shapes and hair in all directions: nothing periodic."""
    generator = np.random.default_rng([9, 9])
    picture = Image.fromarray(generator.integers(0, 255, (40, 60, 3), dtype=np.uint8))
    return picture.resize((1200, 800), Image.Resampling.BICUBIC)


def blank(mode="RGB"):
    return Image.new(mode, (1100, 800), "white")


def table():
    from PIL import ImageDraw

    picture = blank()
    pen = ImageDraw.Draw(picture)
    for row in range(30):
        pen.line((40, 25 * row + 30, 1060, 25 * row + 30), fill="grey")
        for column in range(6):
            pen.text((60 + 170 * column, 25 * row + 36), f"{row * column * 37 % 991}", fill="black")
    return picture


@pytest.mark.parametrize("picture", [cat_like, blank, table], ids=["cat", "blank sheet", "table"])
def test_pictures_without_an_ekg_are_refused(tmp_path, picture):
    picture().save(tmp_path / "page.png")
    refusal(tmp_path / "page.png")


def test_ekg_paper_without_a_trace_is_refused(tmp_path):
    figure = figure_of(np.full((12, 5000), np.nan), names=False, scale_text=False)
    for line in list(figure.axes[0].lines):
        if line.get_color() == "black":
            line.remove()
    Image.fromarray(pixels_of(figure, dpi=150)).save(tmp_path / "paper.png")
    refusal(tmp_path / "paper.png")


@pytest.mark.parametrize("mode", ["1", "L", "CMYK", "I;16", "RGBA", "P", "LA"])
def test_unusual_modes_are_read_or_refused_in_one_line(tmp_path, mode):
    page = Image.fromarray(pixels_of(figure_of(twelve_leads()), dpi=110))
    if mode == "I;16":
        levels = np.asarray(page.convert("L")).astype(np.uint16) * 257
        picture = Image.fromarray(levels)
    else:
        picture = page.convert(mode)
    path = tmp_path / ("page.tif" if mode in ("CMYK", "I;16") else "page.png")
    picture.save(path)
    try:
        assert read_strip(path).report["outcome"].startswith("read")
    except StripError as error:
        assert "\n" not in str(error)


def test_a_locked_pdf_one_of_five_hundred_pages_and_an_empty_one_are_refused(tmp_path):
    many = pdfium.PdfDocument.new()
    for _ in range(500):
        many.new_page(600, 800)
    many.save(tmp_path / "many.pdf")
    assert "500 pages" in refusal(tmp_path / "many.pdf")
    (tmp_path / "white.pdf").write_bytes(pdf_bytes(""))
    refusal(tmp_path / "white.pdf")
    locked = pdf_bytes("").replace(
        b"/Root 1 0 R",
        b"/Root 1 0 R /ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 "
        b"/O <" + b"28" * 32 + b"> /U <" + b"28" * 32 + b"> >>",
    )
    (tmp_path / "locked.pdf").write_bytes(locked)
    assert "password" in refusal(tmp_path / "locked.pdf")


def test_a_script_in_a_pdf_does_not_hinder_reading(tmp_path):
    save_pdf(figure_of(twelve_leads()), tmp_path / "page.pdf")
    data = (tmp_path / "page.pdf").read_bytes()
    action = b"/Type /Catalog /OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>"
    (tmp_path / "page.pdf").write_bytes(data.replace(b"/Type /Catalog", action, 1))
    assert read_strip(tmp_path / "page.pdf").report["outcome"] == "read"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", "expected a table"),
        ('{"sped": 25}', "expected a table"),
        ('{"speed": "fast"}', "wrong type"),
        ('{"gain": 0}', "gain is 0"),
        ('{"layout": "5x7"}', "unknown layout"),
        ('{"corners": [[0, 0], [1, 1]]}', "four points"),
    ],
)
def test_bad_options_are_refused_by_file_and_field(tmp_path, content, words):
    path = tmp_path / "options.json"
    path.write_text(content)
    with pytest.raises(EkgError, match=words) as caught:
        options_from_json(path)
    assert str(caught.value).startswith(str(path))


def test_good_options_are_read(tmp_path):
    path = tmp_path / "options.json"
    path.write_text('{"layout": "auto", "speed": 50, "corners": [[0,0],[9,0],[9,9],[0,9]]}')
    options = options_from_json(path)
    assert options == ReadOptions(
        speed=50.0, corners=((0.0, 0.0), (9.0, 0.0), (9.0, 9.0), (0.0, 9.0))
    )
