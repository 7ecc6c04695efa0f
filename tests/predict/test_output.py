"""Files of predictions: written as they come, complete or unfinished, completed by --resume."""

import contextlib
import csv
import io
import json

import pytest

from ekg.cli import main
from ekg.errors import EkgError
from ekg.predict import formats
from ekg.predict.formats import check_shards, writer_for
from ekg.predict.inputs import Input
from ekg.predict.output import Output
from ekg.predict.predictor import Prediction, SliceReading

CLASSES = ("A", "B")
SETTINGS = {"engine": "X 12", "part": [None, 2.5]}


def prediction(number):
    path = f'folder, "quoted"/ü{number}\n.hea'
    if number % 3 == 2:
        return Prediction(path, f"r{number}", error=f'{path}: "no" such, file')
    values = {"A": 0.1 + number / 70, "B": 0.9 - number / 70}
    readings = (SliceReading(3, values), SliceReading(1300, values))
    return Prediction(path, f"r{number}", "B", values, readings, values, ("a, b", "c"), True)


def run(target, form, count, *, resume=False, settings=SETTINGS):
    """Write predictions as the command does; returns how many were there, and were refused."""
    inputs = [Input(prediction(n).path, f"r{n}", "record") for n in range(count)]
    before = []
    with Output(target, form, CLASSES, settings, resume=resume) as output:
        for number, (_, refused) in enumerate(output.missing(inputs)):
            if refused is None:
                output.write(prediction(number))
            else:
                before.append(refused)
        output.finish()
    return before


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(formats, "SHARD_ROWS", 3)


def content_of(target):
    if target.is_dir():
        return {path.name: path.read_bytes() for path in sorted(target.iterdir())}
    return target.read_bytes()


def interrupted(target, form, keep):
    """Write seven predictions, fail, and leave only the first bytes of them (parquet: shards)."""
    with (
        contextlib.suppress(KeyboardInterrupt),
        Output(target, form, CLASSES, SETTINGS, resume=False) as output,
    ):
        list(output.missing([]))
        for number in range(7):
            output.write(prediction(number))
        if form == "json" and keep % 2:
            output._writer.finish()  # killed after the end, before the move
        raise KeyboardInterrupt
    assert not target.exists()
    left = target.with_name(f"{target.name}.unfinished")
    written = left / "predictions"
    if form == "parquet":
        assert len(list(written.iterdir())) == 2
    else:
        written.write_bytes(written.read_bytes()[:keep])
    return left


@pytest.mark.parametrize("form", ["csv", "json"])
def test_resuming_gives_the_same_bytes_wherever_it_was_interrupted(tmp_path, form):
    whole = tmp_path / "whole"
    run(whole, form, 7)
    size = len(content_of(whole))
    seen = set()
    for keep in [0, 1, *range(5, size, 61), size - 1, size]:
        target = tmp_path / f"{keep}.{form}"
        left = interrupted(target, form, keep)
        before = run(target, form, 7, resume=True)
        assert before == [n % 3 == 2 for n in range(len(before))]
        seen.add(len(before))
        assert content_of(target) == content_of(whole), keep
        assert not left.exists()
    assert {0, 7} <= seen and len(seen) >= 6


def test_shards_are_whole_listed_and_resumed(tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow", reason="the extra `parquet` is not installed")
    run(tmp_path / "whole", "parquet", 7)
    assert check_shards(tmp_path / "whole") == 7
    interrupted(tmp_path / "p", "parquet", None)
    assert run(tmp_path / "p", "parquet", 7, resume=True) == [False, False, True] * 2
    assert check_shards(tmp_path / "p") == 7
    table = pandas.read_parquet(tmp_path / "p")
    assert list(table["path"]) == [prediction(n).path for n in range(7)]
    assert table["p_A"][3] == 0.1 + 3 / 70 and table["slices"][0] == 2
    assert list(table["calibrated"][:2]) == [True, True] and table["error"][2].endswith("file")
    (tmp_path / "p" / "part-000001.parquet").unlink()
    with pytest.raises(EkgError, match=r"part-000001\.parquet is missing"):
        check_shards(tmp_path / "p")


def test_json_is_what_the_library_writes_of_the_whole():
    for count in (0, 1, 4):
        stream = io.StringIO()
        writer = writer_for("json", CLASSES, stream)
        for number in range(count):
            writer.write(prediction(number))
        writer.finish()
        wanted = [prediction(number).as_json() for number in range(count)]
        assert stream.getvalue() == json.dumps(wanted, indent=2, ensure_ascii=False) + "\n"


def test_an_unfinished_file_is_neither_overwritten_nor_completed_with_something_else(tmp_path):
    target = tmp_path / "p.csv"
    left = interrupted(target, "csv", 400)
    kept = (left / "predictions").read_bytes()
    with pytest.raises(EkgError, match=r"p\.csv\.unfinished: .* add --resume"):
        run(target, "csv", 7)
    with pytest.raises(EkgError, match="field `engine` is 'X 12', now it is 'Y 13'"):
        run(target, "csv", 7, resume=True, settings=SETTINGS | {"engine": "Y 13"})
    with pytest.raises(EkgError, match="field `format` is 'csv'"):
        run(target, "json", 7, resume=True)
    with pytest.raises(EkgError, match="name the same inputs"):
        run(target, "csv", 1, resume=True)
    assert (left / "predictions").read_bytes() == kept and not target.exists()


@pytest.fixture
def many_records(tmp_path, limb_consistent_signal, write_record):
    folder = tmp_path / "many"
    for number in range(9):
        write_record(folder, f"M{number}", limb_consistent_signal(seconds=5, seed=number))
    (folder / "M4.dat").unlink()
    (folder / "M7.hea").write_text("no header\n")
    return folder


@pytest.mark.parametrize("form", ["csv", "json", "text"])
def test_the_file_does_not_depend_on_the_number_of_processes(
    many_records, small_model, tmp_path, capsys, form
):
    command = ["predict", str(many_records), "--model", str(small_model), "--format", form]
    written = []
    for jobs in ("1", "2"):
        out = tmp_path / f"{jobs}.{form}"
        assert main([*command, "-j", jobs, "--out", str(out)]) == 0
        assert "7 read, 2 refused" in capsys.readouterr().err
        written.append(out.read_bytes())
    assert main([*command, "-j", "2"]) == 0
    assert written[0] == written[1] == capsys.readouterr().out.encode()
    assert {path.name for path in tmp_path.iterdir()} == {"many", f"1.{form}", f"2.{form}"}


def test_the_command_completes_what_an_interruption_left(
    many_records, small_model, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "p.csv"
    command = ["predict", str(many_records), "--model", str(small_model), "--format", "csv"]
    command += ["--out", str(out), "-j", "1"]
    read = Output.write

    def interrupt(self, one):
        if one.record == "M5":
            raise KeyboardInterrupt
        read(self, one)

    with monkeypatch.context() as patch:
        patch.setattr(Output, "write", interrupt)
        assert main(command) == 130
    assert not out.exists()
    assert main(command) == 2
    assert "add --resume" in capsys.readouterr().err
    assert main([*command, "--resume"]) == 0
    assert "7 read, 2 refused" in capsys.readouterr().err
    with open(out, newline="") as stream:
        assert [row["record"] for row in csv.DictReader(stream)] == [f"M{n}" for n in range(9)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--resume"], "--resume needs a file; give --out FILE"),
        (["--format", "parquet"], "--format parquet needs a file"),
        (["--out", "a.txt", "--resume"], "text cannot be resumed"),
        (["-j", "0"], "0 worker processes"),
    ],
)
def test_options_that_do_not_fit(
    many_records, small_model, tmp_path, monkeypatch, capsys, options, message
):
    monkeypatch.chdir(tmp_path)
    assert main(["predict", str(many_records), "--model", str(small_model), *options]) == 2
    assert message in capsys.readouterr().err
