"""The text of a WFDB header: decoded without loss, cut into fields, and put so that wfdb reads it.

wfdb drops every character that is not ASCII, takes a gain of 0 for 200 and knows only file names
of letters, digits, `-` and one dot. What a header says is therefore read here first.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from ekg.errors import RecordError

MILLIVOLTS = {
    "mv": 1.0,
    "millivolt": 1.0,
    "millivolts": 1.0,
    "uv": 1e-3,
    "microvolt": 1e-3,
    "microvolts": 1e-3,
    "nv": 1e-6,
    "nanovolt": 1e-6,
    "nanovolts": 1e-6,
    "v": 1e3,
    "volt": 1e3,
    "volts": 1e3,
}
"""Millivolts by unit, in small letters, both micro signs written `u`; nothing else is a unit."""

_FORMAT = re.compile(
    r"(0|8|16|24|32|61|80|160|212|310|311|508|516|524)(x\d+)?(:\d+)?(\+\d+)?", re.ASCII
)
_GAIN = re.compile(
    r"(?P<gain>[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)?"
    r"(?:\((?P<baseline>[-+]?\d+)\))?(?P<slash>/(?P<unit>\S*))?",
    re.IGNORECASE,
)
_FREQUENCY = re.compile(r"((?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(?:/\S*)?", re.IGNORECASE)


@dataclass(frozen=True)
class SignalLine:
    """One signal's line."""

    file: str
    """Name of the signal file, as written."""
    gain: float | None
    """Steps in one unit; None where it is 0 or left out: the signal is not calibrated."""
    unit: str | None
    """As written; None where the line names none, which means mV."""
    rest: str
    """The line without its file name, as wfdb reads it: ASCII, without unit, gain never 0."""

    @property
    def millivolts(self) -> float | None:
        """Return how many millivolts one unit is, None for an unknown unit."""
        if self.unit is None:
            return MILLIVOLTS["mv"]
        return MILLIVOLTS.get(re.sub("[\u00b5\u03bc]", "u", self.unit).lower())


@dataclass(frozen=True)
class HeaderText:
    """A header's content, before wfdb parses its numbers."""

    record: str
    """Number of signals, sampling frequency in Hz and, where given, number of samples."""
    signals: tuple[SignalLine, ...]
    comments: tuple[str, ...]
    """Without `#`."""

    @property
    def files(self) -> tuple[str, ...]:
        """Return the names of the signal files, each once."""
        return tuple(dict.fromkeys(signal.file for signal in self.signals))

    def for_wfdb(self) -> str:
        """Return a header called `record` whose signal files are called `f0.dat`, `f1.dat`, ..."""
        names = {file: f"f{number}.dat" for number, file in enumerate(self.files)}
        lines = [f"record {self.record}"]
        lines += [f"{names[signal.file]} {signal.rest}" for signal in self.signals]
        return "\n".join(lines) + "\n"


def read_header_text(path: Path) -> HeaderText:
    """Read a header file's text."""
    try:
        text = decoded(path.read_bytes())
    except OSError as error:
        raise RecordError(f"cannot be read ({error.strerror})", path=path) from None
    lines = [line.strip() for line in re.split(r"\r\n|\r|\n", text)]
    comments = tuple(line.strip("# \t") for line in lines if line.startswith("#"))
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        raise RecordError("has no record line: it is not a WFDB header", path=path)
    if "/" in lines[0] and len(lines) > 1 and all(len(line.split()) == 2 for line in lines[1:]):
        raise RecordError(
            "is a multi-segment record",
            path=path,
            remedy="use the headers of its segments",
        )
    record = _record_fields(path, lines[0], len(lines) - 1)
    signals = tuple(_signal_line(path, n, line) for n, line in enumerate(lines[1:], start=1))
    return HeaderText(record, signals, comments)


def decoded(content: bytes) -> str:
    """Decode a header: UTF-16 where its mark says so, UTF-8, else Latin-1; nothing is dropped."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _record_fields(path: Path, line: str, n_lines: int) -> str:
    """Return the three numbers of the record line; date and time are left where they are."""
    words = line.split()
    counts = [k for k, word in enumerate(words) if k and re.fullmatch("[0-9]+", word)]
    # A name with spaces in it: the number of signals is where it fits the lines that follow.
    place = next((k for k in counts if int(words[k][:9]) == n_lines), 1)
    fields = words[place : place + 3]
    if not fields or not re.fullmatch("[0-9]{1,9}", fields[0]):
        raise RecordError(
            f"field `number of signals` is {' '.join(fields[:1])!r}: it is not a WFDB header",
            path=path,
        )
    frequency = _FREQUENCY.fullmatch(fields[1]) if len(fields) > 1 else None
    if frequency is None:
        found = repr(fields[1]) if len(fields) > 1 else "missing"
        raise RecordError(
            f"field `sampling frequency` is {found}", path=path, remedy="write it in Hz"
        )
    if len(fields) > 2 and not re.fullmatch("[0-9]{1,15}", fields[2]):
        raise RecordError(
            f"field `number of samples` is {fields[2]!r}", path=path, remedy="write an integer"
        )
    return " ".join([fields[0], _plain(float(frequency[1])), *fields[2:]])


def _plain(number: float) -> str:
    """Write a number with digits and a point alone, as wfdb reads a sampling frequency."""
    return f"{number:.0f}" if number.is_integer() else f"{number:.12f}".rstrip("0")


def _signal_line(path: Path, number: int, line: str) -> SignalLine:
    spans = list(re.finditer(r"\S+", line))
    words = [span[0] for span in spans]
    # The file's name may have spaces: it ends where a format and a gain with its unit follow.
    formats = [k for k in range(1, len(words)) if _FORMAT.fullmatch(words[k])]
    if not formats:
        raise RecordError(f"signal {number} has no known format: {line!r:.80}", path=path)
    place = next(
        (k for k in formats if _GAIN.fullmatch(w := "".join(words[k + 1 : k + 2])) and "/" in w),
        formats[0],
    )
    field = words[place + 1] if len(words) > place + 1 else ""
    match = _GAIN.fullmatch(field)
    gain = float(match["gain"] or 0) if match else math.inf
    if match is None or not math.isfinite(gain):
        raise RecordError(
            f"signal {number}: field `gain` is {field!r:.40}",
            path=path,
            remedy="write it as steps(baseline)/unit, such as 1000(0)/mV",
        )
    baseline = "" if match["baseline"] is None else f"({int(match['baseline'])})"
    rest = " ".join([words[place], f"{gain or 1.0!r}{baseline}", *words[place + 2 :]])
    return SignalLine(
        file=line[: spans[place].start()].strip(),
        gain=gain or None,
        unit=match["unit"] if match["slash"] else None,
        # A character that ASCII lacks must not vanish: `Ⅱ` is II, what has no such form is `?`.
        rest=unicodedata.normalize("NFKC", rest).encode("ascii", "replace").decode("ascii"),
    )
