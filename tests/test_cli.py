import argparse
import io
import os
import pickle
import subprocess
import sys
import types
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import pytest

from ekg.cli import build_parser, main, verbs
from ekg.errors import EkgError, EkgWarning, RecordError
from ekg.options import Option, add_options, call_with


def test_every_verb_has_a_summary_and_help(capsys):
    parser = build_parser()
    assert "split" in verbs()
    for verb in verbs():
        with pytest.raises(SystemExit) as ended:
            parser.parse_args([verb, "--help"])
        assert ended.value.code == 0
    assert "usage: python -m ekg" in capsys.readouterr().out


def test_errors_are_one_line_and_status_2(tmp_path, capsys):
    assert main(["split", "--labels", str(tmp_path / "x.csv"), "--out", "y"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1


def test_operating_system_errors_are_named(tmp_path, capsys):
    (tmp_path / "labels.csv").write_text("record,diagnoses\nA,AF\n")
    out = tmp_path / "labels.csv" / "below-a-file.csv"
    assert main(["split", "--labels", str(tmp_path / "labels.csv"), "--out", str(out)]) == 2
    assert "labels.csv" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["download", "--list"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_closed_pipe_is_no_error(arguments, unbuffered):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "ekg", *arguments]
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    with os.fdopen(writer, "wb") as stream:
        done = subprocess.run(
            command, stdout=stream, stderr=subprocess.PIPE, env=environment, check=False
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_interruption_says_how_to_go_on(monkeypatch, capsys):
    from ekg.images import commands

    def interrupted(folder: Annotated[str, "a folder"]):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "run_counts", interrupted)
    assert main(["counts", "somewhere"]) == 130
    assert capsys.readouterr().err == "interrupted; run the same command again to resume\n"


def test_errors_survive_pickling():
    error = pickle.loads(pickle.dumps(RecordError("is bad", path="a.hea", remedy="mend it")))
    assert isinstance(error, RecordError)
    assert str(error) == "a.hea: is bad; mend it"
    assert str(EkgError("just this")) == "just this"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_the_terminal_cannot_write_is_written_with_backslashes(
    monkeypatch, tmp_path, encoding
):
    lines = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(lines, encoding=encoding))
    verb = types.ModuleType("ekg.images.commands")

    def show(path: Annotated[str, "a path"]):
        print(path)

    verb.run_counts = show
    monkeypatch.setitem(sys.modules, "ekg.images.commands", verb)
    assert main(["counts", "M\u00fcller \u2192 \udcff"]) == 0
    written = lines.getvalue().decode(encoding).strip()
    assert written.startswith("M\\xfcller" if encoding == "ascii" else "M\u00fcller")
    assert written.endswith("\u2192 \\udcff" if encoding == "utf-8" else "\\u2192 \\udcff")


def test_the_projects_own_warnings_are_one_line(monkeypatch, capsys):
    verb = types.ModuleType("ekg.images.commands")
    verb.run_counts = lambda: warnings.warn("the order is assumed", EkgWarning, stacklevel=1)
    monkeypatch.setitem(sys.modules, "ekg.images.commands", verb)
    assert main(["counts"]) == 0
    assert capsys.readouterr().err == "warning: the order is assumed\n"


def test_a_signature_gives_the_options():
    def work(
        first: Annotated[Path, "positional"],
        others: Annotated[list[int], Option("more", "N")],
        *,
        needed: Annotated[float, "required"],
        some: Annotated[
            Sequence[str], Option("repeatable", names=("-s", "--set"), repeated=True)
        ] = (),
        many: Annotated[list[Literal["a", "b"]] | None, "one or more"] = None,
        on: Annotated[bool, "a flag"] = False,
        limit: Annotated[int | None, "a number"] = None,
    ) -> tuple[object, ...]:
        """Do it."""
        return first, others, needed, some, many, on, limit

    parser = argparse.ArgumentParser(exit_on_error=False)
    add_options(parser, work)
    least = parser.parse_args(["x", "1", "--needed", "2"])
    assert call_with(work, least) == (Path("x"), [1], 2.0, [], None, False, None)
    words = ["x", "1", "2", "--needed", "2", "-s", "p", "--set", "q", "--on", "--limit", "3"]
    words += ["--many", "a", "b", "--many", "a"]
    assert call_with(work, parser.parse_args(words)) == (
        Path("x"),
        [1, 2],
        2.0,
        ["p", "q"],
        ["a", "b", "a"],
        True,
        3,
    )
    with pytest.raises(argparse.ArgumentError, match="invalid choice"):
        parser.parse_args(["x", "1", "--needed", "2", "--many", "c"])
