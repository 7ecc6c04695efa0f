"""Files made to do harm: paths that lead elsewhere, sizes that cannot be, bombs."""

import gzip
import io
import struct
import subprocess
import sys
import tarfile
import textwrap
import zipfile
import zlib

import numpy as np
import pytest

from ekg.datasets.archive import unpack
from ekg.datasets.registry import parse_checksums
from ekg.errors import DownloadError, EkgError, ImageError, ModelError, RecordError
from ekg.images.image_checks import read_external_image
from ekg.images.manifest import MANIFEST_COLUMNS, read_manifest
from ekg.images.png import encode_png, read_image
from ekg.records.record import LEADS, read_header, read_record

LEAVING = [
    "../A1.mat",
    "/etc/passwd",
    "sub/A1.mat",
    "..",
    ".",
    "~",
    "-",
    "a\\b.mat",
    "..\\A1.mat",
    "C:A1.mat",
    "C:\\A1.mat",
    "\\\\host\\share",
    "A1\x01.mat",
]


def header(folder, *, name="A1", file="A1.mat", form="16", samples="1300", rate="500", n=12):
    path = folder / "A1.hea"
    lines = [f"{name} {n} {rate} {samples}"]
    lines += [f"{file} {form} 1000/mV 16 0 0 0 0 {LEADS[i % 12]}" for i in range(min(n, 2000))]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("file", LEAVING)
def test_no_signal_file_outside_the_headers_folder(tmp_path, file):
    """The bait lies where the path leads: only the refusal keeps it from being read."""
    folder = tmp_path / "records"
    (folder / "sub").mkdir(parents=True)
    for place in (tmp_path, folder / "sub"):
        (place / "A1.mat").write_bytes(bytes(40_000))
    path = header(folder, file=file)
    with pytest.raises(RecordError, match=r"A1\.hea: (signal file name|cannot be read)"):
        read_record(path)


@pytest.mark.parametrize("name", ["../A1", "/etc/passwd", "..", "../../x/A1.mat", "A1/2"])
def test_the_record_name_in_a_header_decides_about_no_path(tmp_path, name):
    folder = tmp_path / "records"
    folder.mkdir()
    (folder / "A1.mat").write_bytes(np.ones((1300, 12), "<i2").tobytes())
    before = sorted(path for path in tmp_path.rglob("*"))
    path = header(folder, name=name)
    try:
        assert read_record(path).name == "A1"
    except RecordError as error:
        assert str(error).startswith(str(path))
    assert sorted(tmp_path.rglob("*")) == sorted([*before, path])


@pytest.mark.parametrize("form", ["16", "212", "80", "24", "32", "61", "160", "310", "311", "516"])
@pytest.mark.parametrize("samples", ["4000000000", "99999999", "2000000"])
def test_a_header_that_promises_billions_of_samples(tmp_path, form, samples):
    (tmp_path / "A1.mat").write_bytes(bytes(5000))
    with pytest.raises(RecordError):
        read_record(header(tmp_path, form=form, samples=samples))


@pytest.mark.parametrize(
    ("samples", "rate", "size", "words"),
    [
        ("1000001", "500", 24_000_024, "field `number of samples`"),
        ("9000", "1", 216_000, "more than 1,000,000 at 500 Hz"),
        ("", "500", 120_000_000, "more than 1,000,000 at 500 Hz"),
    ],
)
def test_a_signal_that_would_fill_the_memory(tmp_path, samples, rate, size, words):
    """The files are as long as promised, without a byte of them on the disk."""
    with open(tmp_path / "A1.mat", "wb") as stream:
        stream.truncate(size)
    with pytest.raises(RecordError, match=words):
        read_record(header(tmp_path, samples=samples, rate=rate))


def test_a_gain_that_makes_numbers_without_meaning(tmp_path):
    (tmp_path / "A1.mat").write_bytes(np.full((1300, 12), 700, "<i2").tobytes())
    path = header(tmp_path, rate="257")
    path.write_text(path.read_text().replace("1000/mV", "1e-300/V"))
    with pytest.raises(RecordError, match=r"lead I reaches 7e\+305 mV: its gain or unit is wrong"):
        read_record(path)


def test_a_compressed_signal_of_unknown_length(tmp_path):
    (tmp_path / "A1.mat").write_bytes(b"fLaC" + bytes(5000))
    with pytest.raises(RecordError, match="format 516 needs it"):
        read_record(header(tmp_path, samples="", form="516"))


def test_a_header_that_promises_a_million_signals(tmp_path):
    with pytest.raises(RecordError):
        read_header(header(tmp_path, n=1_000_000))


def png(columns, rows, *chunks, data=b"\0"):
    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0))]
    parts += [chunk(kind, body) for kind, body in chunks]
    parts += [chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("size", [2049, 9_000, 12_000, 40_000, 2**31 - 1])
@pytest.mark.parametrize("read", [read_image, lambda path: read_external_image(path, 800)])
def test_an_image_bomb_is_refused_by_its_size(tmp_path, monkeypatch, size, read):
    path = tmp_path / "a.png"
    path.write_bytes(png(size, size, data=bytes(100_000)))

    def decoded(*_):
        raise AssertionError("the pixels were decoded before the size was looked at")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded)
    with pytest.raises(ImageError, match=r"not 800 x 800|not a square|not a usable image"):
        read(path)


@pytest.mark.parametrize("kind", [b"zTXt", b"iCCP", b"iTXt"])
def test_a_bomb_in_a_png_text_or_profile_stays_small(tmp_path, kind):
    bomb = zlib.compress(bytes(300_000_000), 9)
    body = b"a\0\1\0\0\0" + bomb if kind == b"iTXt" else b"a\0\0" + bomb
    path = tmp_path / "a.png"
    path.write_bytes(png(24, 24, (kind, body), data=bytes(25 * 24)))
    peak = memory_of(f"""
        from ekg.images.png import read_image
        try:
            read_image({str(path)!r})
        except EkgError as error:
            print(error)
    """)
    assert peak < 150


def memory_of(code):
    """Run code in its own process; return by how many MiB its peak grew."""
    program = """
        import resource
        from ekg.errors import EkgError
        import ekg.images.png, ekg.records.record
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        before = peak()
    """
    program = textwrap.dedent(program) + textwrap.dedent(code) + "\nprint(peak() - before)\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return float(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("form", ["EPS", "PDF", "FITS", "PSD", "ICNS", "PPM"])
def test_other_formats_of_pillow_are_never_asked(tmp_path, form):
    """Some of them start other programs (EPS: Ghostscript)."""
    fronts = {
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 24 24\n%%EndComments\n",
        "PDF": b"%PDF-1.4\n",
        "FITS": b"SIMPLE  =                    T",
        "PSD": b"8BPS\0\1",
        "ICNS": b"icns\0\0\0\x10",
        "PPM": b"P5 24 24 255\n" + bytes(576),
    }
    path = tmp_path / "a.png"
    path.write_bytes(fronts[form] + bytes(100))
    with pytest.raises(ImageError, match="not a usable image"):
        read_image(path)


@pytest.mark.parametrize("image", ["../a.png", "/etc/a.png", "all/../../a.png", "C:/a.png", "a\\b"])
def test_no_image_outside_its_set(tmp_path, image):
    (tmp_path / "set").mkdir()
    (tmp_path / "a.png").write_bytes(encode_png(np.zeros((24, 24), np.uint8)))
    row = f"{image},A1,AF,1,0,{'0' * 64},0.0\n"
    (tmp_path / "set" / "manifest.csv").write_text(",".join(MANIFEST_COLUMNS) + "\n" + row)
    with pytest.raises(ImageError, match="line 2: field `image` is"):
        read_manifest(tmp_path / "set")


@pytest.mark.parametrize("path", ["../a", "/a", "a/../../b", "a\\b", "C:a", "a//b", "./../a"])
def test_no_download_outside_its_folder(path):
    with pytest.raises(DownloadError, match="not a plain path"):
        parse_checksums(f"{'0' * 64}  {path}\n", "SHA256SUMS.txt")


def test_a_zip_bomb_stops_at_the_limit(tmp_path):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(20):
            archive.writestr(f"f{number}", bytes(2_000_000))
    (tmp_path / "a.zip").write_bytes(inner.getvalue())
    with pytest.raises(DownloadError, match="more than 3000000 bytes"):
        unpack(tmp_path / "a.zip", tmp_path / "out", 3_000_000)
    assert sum(path.stat().st_size for path in (tmp_path / "out").iterdir()) <= 3_000_000


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE])
def test_a_tar_header_that_would_fill_the_memory(tmp_path, kind):
    """300 MB of a long name take 300 kB when compressed."""
    member = tarfile.TarInfo("name")
    member.type, member.size = kind, 300_000_000
    path = tmp_path / "a.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(member.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(300):
            stream.write(bytes(1_000_000))
    assert path.stat().st_size < 2_000_000
    peak = memory_of(f"""
        from pathlib import Path
        from ekg.datasets.archive import is_archive, unpack
        assert not is_archive(Path({str(path)!r}))
        try:
            unpack(Path({str(path)!r}), Path({str(tmp_path / "out")!r}), 10**6)
        except EkgError as error:
            print(error)
    """)
    assert peak < 100


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_member_of_a_method_that_takes_what_it_is_told(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("a", bytes(1000))
    with pytest.raises(DownloadError, match="not stored or deflated"):
        unpack(tmp_path / "a.zip", tmp_path / "out", 10**6)


def test_an_archive_cannot_write_through_a_link_that_is_there(tmp_path):
    (tmp_path / "outside").mkdir()
    out = tmp_path / "out"
    out.mkdir()
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, str(tmp_path / "outside"))
        archive.writestr("link/file", "x")
    with pytest.raises(DownloadError, match="link or device"):
        unpack(tmp_path / "a.zip", out, 1000)
    assert not list((tmp_path / "outside").iterdir())


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, 10**9, 0])
def test_a_safetensors_header_of_absurd_length(tmp_path, length):
    from ekg.model.weights import load_weights

    path = tmp_path / "weights.safetensors"
    path.write_bytes(struct.pack("<Q", length) + b'{"a":{"dtype":"F32"}}')
    with pytest.raises(ModelError, match="not a complete safetensors file"):
        load_weights(path)


@pytest.mark.parametrize(
    "metadata",
    [
        {"network": "vgg11_bn"},
        {"network": "resnet101", "network_options": {"in_channels": 1}},
        {"classes": ["x"] * 2_000_000},
        {"network_options": {"in_channels": 2_000_000_000}},
        {"network_options": {"dropout": "much"}},
        {"network_options": {"no_such": 1}},
        {"network_options": [1]},
        {"image_size": 10**12},
        {"image_size": -1},
        {"mean": [0.5] * 3, "std": [0.0] * 3},
    ],
    ids=lambda entry: next(iter(entry)),
)
def test_metadata_of_weights_cannot_ask_for_a_network_of_any_size(tmp_path, monkeypatch, metadata):
    import torch

    from ekg.model.loading import load_model
    from ekg.model.weights import save_weights

    path = tmp_path / "weights.safetensors"
    save_weights(path, {"a": torch.zeros(1)}, metadata)
    built = []
    real = torch.nn.Conv2d.__init__

    def counted(self, *arguments, **options):
        real(self, *arguments, **options)
        built.append(self.weight.device.type)

    monkeypatch.setattr(torch.nn.Conv2d, "__init__", counted)
    with pytest.raises(ModelError):
        load_model(path)
    assert set(built) <= {"meta"}  # no memory was asked for


def test_errors_about_hostile_files_are_one_line_that_no_terminal_obeys(tmp_path):
    (tmp_path / "A1.hea").write_text(
        "A1 12 500 1300\nx\x1b[2J\x07\u202e\udcff.mat 16\n" * 12, errors="surrogatepass"
    )
    with pytest.raises(EkgError) as refused:
        read_record(tmp_path / "A1.hea")
    assert "\n" not in str(refused.value) and str(refused.value).isprintable()
    assert str(EkgError("a\x1b[2J\nb\tc", path="é\udc80")) == "é\\udc80: a\\x1b[2J b c"
