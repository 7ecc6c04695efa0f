import json
import subprocess
import sys

import numpy as np
import pytest

from ekg.errors import EkgError
from ekg.files import (
    atomic_open,
    atomic_path,
    folder_lock,
    is_temporary,
    read_json,
    sha256_of_file,
    write_json,
    write_text,
)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    write_text(target, "old")
    with pytest.raises(RuntimeError), atomic_open(target) as stream:
        stream.write("half")
        stream.flush()
        raise RuntimeError
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_temporary_names_are_recognised_and_keep_the_suffix(tmp_path):
    with atomic_path(tmp_path / "deep" / "x.png") as temporary:
        assert is_temporary(temporary) and temporary.suffix == ".png"
        temporary.write_bytes(b"1")
    assert (tmp_path / "deep" / "x.png").read_bytes() == b"1"
    assert not is_temporary(tmp_path / "deep" / "x.png")


def test_a_process_killed_while_writing_leaves_no_target(tmp_path):
    code = (
        "import os, sys; from ekg.files import atomic_open\n"
        "with atomic_open(sys.argv[1]) as s: s.write('half'); s.flush(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.csv")], check=False)
    names = list(tmp_path.iterdir())
    assert len(names) == 1 and is_temporary(names[0])


def test_json_round_trip_and_nan(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": np.float32(0.5), "b": [np.nan, np.int64(3)], "c": np.ones(2), 4: "é"})
    assert read_json(path) == {"a": 0.5, "b": [None, 3], "c": [1.0, 1.0], "4": "é"}
    json.loads(path.read_text())


def test_bad_json_is_named(tmp_path):
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(EkgError, match=r"b\.json: not a JSON file"):
        read_json(tmp_path / "b.json")
    with pytest.raises(EkgError, match="file not found"):
        read_json(tmp_path / "c.json")


def test_sha256(tmp_path):
    write_text(tmp_path / "a", "abc")
    assert sha256_of_file(tmp_path / "a").startswith("ba7816bf")


def test_second_process_is_told_that_the_folder_is_in_use(tmp_path):
    code = (
        "import sys; from ekg.files import folder_lock\n"
        "with folder_lock(sys.argv[1], 'drawing'): print('in')"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with folder_lock(tmp_path, "drawing images"):
        refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode != 0 and "another process is drawing in this folder" in refused.stderr
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"in\n"


def test_an_error_of_the_disk_names_the_file(tmp_path):
    with pytest.raises(OSError) as caught, atomic_open(tmp_path / "a.csv") as stream:
        stream.write("half")
        raise OSError(28, "No space left on device")
    assert caught.value.filename == str(tmp_path / "a.csv")


def test_the_lock_clears_away_what_killed_runs_left(tmp_path):
    kept = [".journal.jsonl", ".A0001.mat.part-download", "a.csv", "a.part-01234567.csv"]
    for name in [*kept, ".a.part-01234567.csv", ".pack.part-89abcdef"]:
        (tmp_path / name).write_text("x")
    with folder_lock(tmp_path, "testing"):
        assert {path.name for path in tmp_path.iterdir()} == {*kept, ".lock"}
