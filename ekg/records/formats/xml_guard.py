"""XML from outside: looked over once, in little memory, before any library builds a tree of it."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from ekg.errors import RecordError

LARGEST_XML = 12 * 2**20
"""Bytes. Half an hour at 500 Hz fits; a tree and lists of numbers stay far below 1 GiB."""
MOST_ELEMENTS = 200_000
MOST_ATTRIBUTES = 400_000
DEEPEST = 100
_DECLARATION = re.compile(r"^\ufeff?\s*<\?xml[^>]*\?>")


class _RefusedError(Exception):
    """Stops the parser."""


def safe_xml(path: Path) -> ElementTree.Element:
    """Read an XML file into a tree, names without namespaces."""
    content = _checked_bytes(path)
    for text in (content, _decoded(content)):
        try:
            _look_over(text)
            root = ElementTree.fromstring(text)
            break
        except _RefusedError as refused:
            raise RecordError(
                f"its XML {refused}", path=path, remedy="export the recording again"
            ) from None
        except (expat.ExpatError, ElementTree.ParseError, ValueError, LookupError) as error:
            place = f" at line {error.lineno}" if isinstance(error, expat.ExpatError) else ""
            problem = f"its XML is corrupt or truncated{place}"
    else:
        raise RecordError(problem, path=path, remedy="export the recording again")
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _checked_bytes(path: Path) -> bytes:
    size = path.stat().st_size
    if size > LARGEST_XML:
        raise RecordError(
            f"has {size:,} bytes, more than {LARGEST_XML:,}: too long for a recording to be read "
            "at once",
            path=path,
            remedy="export a shorter part of the recording",
        )
    return path.read_bytes()


def _decoded(content: bytes) -> str:
    """Decode a file whose bytes are not in the encoding that it states."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return _DECLARATION.sub("", text)


def _look_over(text: bytes | str) -> None:
    depth = elements = attributes = 0

    def start(_: str, given: dict[str, str]) -> None:
        nonlocal depth, elements, attributes
        depth += 1
        elements += 1
        attributes += len(given)
        if depth > DEEPEST or elements > MOST_ELEMENTS or attributes > MOST_ATTRIBUTES:
            raise _RefusedError("has more elements than a recording has")

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    def declared(*_: object) -> None:
        raise _RefusedError("declares its own entities or attributes")

    def document_type(_: str, __: str | None, ___: str | None, has_declarations: bool) -> None:
        if has_declarations:
            declared()

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = document_type
    parser.EntityDeclHandler = declared
    parser.AttlistDeclHandler = declared
    parser.Parse(text, True)
