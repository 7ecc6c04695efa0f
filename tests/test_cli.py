import os
import pickle
import subprocess
import sys

import pytest

from ekg.cli import build_parser, main, verbs
from ekg.errors import EkgError, RecordError


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

    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "run_counts", interrupted)
    assert main(["counts", "somewhere"]) == 130
    assert capsys.readouterr().err == "interrupted; run the same command again to go on\n"


def test_errors_survive_pickling():
    error = pickle.loads(pickle.dumps(RecordError("is bad", path="a.hea", remedy="mend it")))
    assert isinstance(error, RecordError)
    assert str(error) == "a.hea: is bad; mend it"
    assert str(EkgError("just this")) == "just this"
