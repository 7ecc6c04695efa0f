"""A whole data set over a bad line, killed and taken up again."""

import csv
import os
import signal
import subprocess
import sys
import tarfile
import time
import zipfile

import pytest

from ekg.cli import main
from ekg.datasets import download as download_module
from ekg.datasets.download import obtain
from ekg.datasets.ledger import LEDGER_NAME
from ekg.errors import DownloadError, EkgError
from ekg.files import folder_lock, is_temporary, sha256_of_file
from tests.datasets.small_set import (
    assert_whole,
    publish,
    sha256,
    small_files,
    small_source,
    write_publisher_folder,
)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "small" / "records"


@pytest.fixture
def in_registry(server, monkeypatch):
    """Let the command line know the small set, at the server's address."""
    source = small_source(server.address)
    monkeypatch.setattr("ekg.datasets.registry.read_registry", lambda: {"small": source})
    return source


def test_over_a_bad_line(server, mirror, folder, settings):
    files = publish(server)
    publish(mirror)
    for number, name in enumerate(files):
        path = f"training/small/{name}"
        fault = [
            ("cut", 100),
            ("corrupt",),
            ("status", 503),
            ("status", 404),
            ("hang up",),
            ("lie", 10),
            ("redirect", f"{mirror.address}{path}"),
            ("none",),
        ][number % 8]
        server.fail(path, fault)
    source = small_source(server.address, mirror.address)
    plan, outcome = obtain(source, folder, jobs=3, settings=settings)
    assert outcome.failures == {} and outcome.fetched == len(files) == len(plan.missing)
    assert_whole(folder, files)


def test_connections_are_limited(server, folder, settings):
    publish(server)
    server.delay = 0.03
    obtain(small_source(server.address), folder, jobs=2, settings=settings)
    assert server.busiest == 2


def test_second_run_asks_for_nothing_and_hashes_nothing(server, folder, settings, monkeypatch):
    publish(server)
    obtain(small_source(server.address), folder, settings=settings)
    server.requests.clear()
    monkeypatch.setattr(
        download_module,
        "sha256_of_file",
        lambda path: (
            sha256_of_file(path)
            if path.name == "SHA256SUMS.txt"  # the list decides what belongs to the set
            else pytest.fail(f"{path} hashed again")
        ),
    )
    plan, outcome = obtain(small_source(server.address), folder, settings=settings)
    assert not plan.missing and outcome.fetched == 0 and server.requests == []


def test_changed_file_is_fetched_again(server, folder, settings):
    files = publish(server)
    obtain(small_source(server.address), folder, settings=settings)
    (folder / "g1" / "A0000.mat").write_bytes(b"something else")
    plan, _ = obtain(small_source(server.address), folder, settings=settings)
    assert [file.local for file in plan.missing] == ["g1/A0000.mat"]
    assert_whole(folder, files)


def test_files_put_there_by_hand_are_checked_and_kept(server, folder, settings):
    files = publish(server)
    (folder / "g1").mkdir(parents=True)
    (folder / "g1" / "A0000.mat").write_bytes(files["g1/A0000.mat"])
    (folder / "g1" / "A0002.mat").write_bytes(b"wrong")
    plan, outcome = obtain(small_source(server.address), folder, settings=settings)
    assert [file.local for file in plan.present] == ["g1/A0000.mat"]
    assert outcome.fetched == len(files) - 1
    assert_whole(folder, files)


def test_torn_ledger_line_costs_one_hash(server, folder, settings):
    files = publish(server)
    obtain(small_source(server.address), folder, settings=settings)
    ledger = folder / LEDGER_NAME
    ledger.write_bytes(ledger.read_bytes()[:-20])
    for _ in range(2):
        plan, _ = obtain(small_source(server.address), folder, settings=settings)
        assert len(plan.present) == len(files)
    assert len(ledger.read_bytes().splitlines()) == len(files) + 2  # the list's line, one torn


def test_a_list_that_was_cut_short_is_fetched_anew(server, folder, settings):
    files = publish(server)
    obtain(small_source(server.address), folder, settings=settings)
    kept = folder / "SHA256SUMS.txt"
    kept.write_bytes(b"".join(kept.read_bytes().splitlines(keepends=True)[:3]))
    server.requests.clear()
    plan, _ = obtain(small_source(server.address), folder, settings=settings)
    assert len(plan.files) == len(files) and not plan.missing
    assert list(server.asked()) == ["SHA256SUMS.txt"]


def test_verify_finds_what_size_and_time_do_not_show(server, folder, settings):
    files = publish(server)
    source = small_source(server.address)
    obtain(source, folder, settings=settings)
    damaged = folder / "g1" / "A0002.mat"
    status = damaged.stat()
    damaged.write_bytes(bytes([damaged.read_bytes()[0] ^ 1]) + damaged.read_bytes()[1:])
    os.utime(damaged, ns=(status.st_atime_ns, status.st_mtime_ns))
    plan, _ = obtain(source, folder, settings=settings)
    assert not plan.missing  # the price of not hashing gigabytes in every run
    plan, _ = obtain(source, folder, settings=settings, verify=True)
    assert [file.local for file in plan.missing] == ["g1/A0002.mat"]
    assert_whole(folder, files)


def test_failures_are_listed_and_the_rest_is_kept(server, folder, settings):
    files = publish(server)
    del server.files["training/small/g2/A0003.mat"]
    server.fail("training/small/g1/A0002.mat", ("corrupt",), ("corrupt",))
    _, outcome = obtain(small_source(server.address), folder, settings=settings)
    assert set(outcome.failures) == {"g2/A0003.mat", "g1/A0002.mat"}
    assert outcome.fetched == len(files) - 2
    with open(folder / "failures.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["file"] for row in rows] == ["g1/A0002.mat", "g2/A0003.mat"]
    assert sha256(files["g1/A0002.mat"]) in rows[0]["reason"] and "404" in rows[1]["reason"]
    publish(server)
    obtain(small_source(server.address), folder, settings=settings)
    assert not (folder / "failures.csv").exists()
    assert_whole(folder, files)


def test_list_of_failures_goes_when_all_is_there(server, folder, settings):
    files = publish(server)
    name = "g2/A0003.mat"
    del server.files[f"training/small/{name}"]
    obtain(small_source(server.address), folder, settings=settings)
    assert (folder / "failures.csv").exists()
    (folder / name).write_bytes(files[name])  # put there by hand
    _, outcome = obtain(small_source(server.address), folder, settings=settings)
    assert outcome.fetched == 0 and not (folder / "failures.csv").exists()


def test_hopeless_download_ends_early(server, folder, settings):
    publish(server, records=60)
    server.files = {"SHA256SUMS.txt": server.files["SHA256SUMS.txt"]}
    _, outcome = obtain(small_source(server.address), folder, jobs=2, settings=settings)
    assert 20 <= len(outcome.failures) <= 24
    assert len(server.requests) <= 26


def test_two_runs_at_once_are_refused(server, folder, settings):
    publish(server)
    with folder_lock(folder, "testing"), pytest.raises(EkgError, match="another process"):
        obtain(small_source(server.address), folder, settings=settings)


def test_disk_too_small(server, folder, settings):
    publish(server)
    with pytest.raises(DownloadError, match=r"1000000000\.0 GB are still to be fetched"):
        obtain(small_source(server.address, about_bytes=10**18), folder, settings=settings)


def test_address_must_be_https(folder):
    with pytest.raises(DownloadError, match="an https address"):
        obtain(small_source("http://example.org/"), folder)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<html>not a list</html>", "line 1 is not a SHA-256"),
        (b"", "empty"),
        (sha256(b"").encode() + b" ../outside.hea\n", "not a plain path"),
        (sha256(b"").encode() + b" other/A0001.hea\n", "names no file below training/small/"),
    ],
)
def test_bad_list(server, folder, settings, content, problem):
    server.files["SHA256SUMS.txt"] = content
    with pytest.raises(DownloadError, match=problem):
        obtain(small_source(server.address), folder, settings=settings)
    assert not list(folder.rglob("*.hea"))


def test_list_cut_short_is_not_kept(server, folder, settings):
    files = publish(server)
    whole = server.files["SHA256SUMS.txt"]
    server.files["SHA256SUMS.txt"] = whole[: whole.index(b"\n") + 40]
    with pytest.raises(DownloadError, match="line 2"):
        obtain(small_source(server.address), folder, settings=settings)
    server.files["SHA256SUMS.txt"] = whole
    obtain(small_source(server.address), folder, settings=settings)
    assert_whole(folder, files)


def test_killed_anywhere_goes_on(server, tmp_path):
    """The process is killed hard, several times; what had arrived is not fetched again."""
    files = publish(server, records=8)
    server.delay = 0.05
    folder = tmp_path / "records"
    script = (
        "from pathlib import Path; from tests.datasets.small_set import small_source;"
        "from ekg.datasets.download import obtain; from ekg.datasets.fetch import HttpSettings;"
        f"plan, outcome = obtain(small_source({server.address!r}), Path({str(folder)!r}),"
        "jobs=2, settings=HttpSettings(pause=0.02));"
        "assert not outcome.failures"
    )
    for moment in (2, 6, 11):  # files arrived when the blow falls
        for name in files:
            server.fail(f"training/small/{name}", ("stall", 150, 0.0))  # so that parts lie about
        process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None:
            if sum(1 for path in folder.rglob("A*") if path.suffix in {".hea", ".mat"}) >= moment:
                break
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path in folder.rglob("A*"):
            assert path.read_bytes() == files[path.relative_to(folder).as_posix()]
    arrived = {path.relative_to(folder).as_posix() for path in folder.rglob("A*")}
    assert arrived
    server.requests.clear()
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert_whole(folder, files)
    again = {path.removeprefix("training/small/") for path in server.asked()}
    assert not again & arrived and "SHA256SUMS.txt" not in again
    assert not [path for path in folder.rglob(".*") if is_temporary(path)]


def test_interrupt_ends_soon(server, folder, settings, monkeypatch):
    publish(server)
    monkeypatch.setattr(
        download_module, "wait", lambda *a, **k: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    for name in small_files():
        server.fail(f"training/small/{name}", *[("status", 503, {"Retry-After": "60"})] * 9)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        obtain(small_source(server.address), folder, settings=settings)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("form", ["publisher", "set", "flat", "zip", "tar.gz"])
def test_from_a_local_copy(tmp_path, folder, form):
    top = tmp_path / "copy"
    files = write_publisher_folder(top)
    given = top
    if form in {"set", "flat"}:
        folder.mkdir(parents=True)
        (top / "SHA256SUMS.txt").rename(folder / "SHA256SUMS.txt")
        given = top / "training" / "small"
    if form == "flat":
        given = tmp_path / "flat"
        given.mkdir()
        for path in top.rglob("A*"):
            path.rename(given / path.name)
    elif form == "zip":
        given = tmp_path / "copy.zip"
        with zipfile.ZipFile(given, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(top.rglob("*")):
                archive.write(path, f"challenge-1.0.2/{path.relative_to(top)}")
    elif form == "tar.gz":
        given = tmp_path / "copy.tar.gz"
        with tarfile.open(given, "w:gz") as archive:
            archive.add(top, ".")
    _, outcome = obtain(small_source("https://example.org/"), folder, from_path=given)
    assert not outcome.failures and outcome.fetched == len(files)
    assert_whole(folder, files)


def test_local_copy_with_a_wrong_and_a_missing_file(tmp_path, folder):
    top = tmp_path / "copy"
    files = write_publisher_folder(top)
    (top / "training" / "small" / "g1" / "A0000.mat").write_bytes(b"wrong")
    (top / "training" / "small" / "g2" / "A0001.mat").unlink()
    _, outcome = obtain(small_source("https://example.org/"), folder, from_path=top)
    assert set(outcome.failures) == {"g1/A0000.mat", "g2/A0001.mat"}
    assert sha256(b"wrong") in outcome.failures["g1/A0000.mat"]
    assert sha256(files["g1/A0000.mat"]) in outcome.failures["g1/A0000.mat"]
    assert not (folder / "g1" / "A0000.mat").exists()


@pytest.mark.parametrize("what", ["nothing", "text"])
def test_local_copy_that_is_none(tmp_path, folder, what):
    given = tmp_path / "given"
    if what == "text":
        given.write_text("neither")
    with pytest.raises(DownloadError, match=r"folder or archive not found|must be a folder"):
        obtain(small_source("https://example.org/"), folder, from_path=given)


def test_left_over_unpacked_folder_is_removed(tmp_path, folder):
    files = write_publisher_folder(tmp_path / "copy")
    (folder / ".unpacked-dead" / "x").mkdir(parents=True)
    obtain(small_source("https://example.org/"), folder, from_path=tmp_path / "copy")
    assert_whole(folder, files)


def test_command(server, folder, in_registry, capsys):
    files = publish(server)
    assert main(["download", "small", "--out", str(folder), "-j", "2"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"small: 10 files in {folder}, all verified (10 new)\n"
    assert "licence none" in printed.err and "please cite: nobody" in printed.err
    assert_whole(folder, files)


def test_command_says_when_the_list_is_short(server, folder, in_registry, capsys):
    publish(server, records=4)
    assert main(["download", "small", "--out", str(folder)]) == 0
    assert "list has 4 records, the registry expects 5" in capsys.readouterr().err


def test_command_with_failures(server, folder, in_registry, capsys):
    publish(server)
    del server.files["training/small/g2/A0003.mat"]
    assert main(["download", "small", "--out", str(folder)]) == 2
    error = capsys.readouterr().err
    assert "9 of 10 files are here; 1 could not be fetched" in error
    assert "failures.csv" in error and "g2/A0003.mat" in error


def test_dry_run(server, folder, in_registry, capsys):
    files = publish(server)
    assert main(["download", "small", "--out", str(folder), "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "files: 10, here and verified: 0" in printed
    assert (
        "missing: 10 files, about 0 MB (g1/A0000.hea, g1/A0000.mat, g2/A0001.hea, ...)" in printed
    )
    assert not folder.exists()
    main(["download", "small", "--out", str(folder)])
    capsys.readouterr()
    assert main(["download", "small", "--out", str(folder), "--dry-run"]) == 0
    assert "missing: nothing" in capsys.readouterr().out
    assert_whole(folder, files)


def test_offline_says_what_to_put_where(server, folder, in_registry, capsys, monkeypatch, settings):
    monkeypatch.setattr("ekg.datasets.fetch.HttpSettings", lambda: settings)
    assert main(["download", "small", "--out", str(folder)]) == 2
    error = capsys.readouterr().err
    assert "training/small/" in error and "--from FOLDER" in error and str(folder) in error
    assert main(["download", "small", "--out", str(folder), "--dry-run"]) == 0
    assert "by hand:" in capsys.readouterr().out


def test_mirror_by_option(server, mirror, folder, in_registry):
    files = publish(mirror)
    command = ["download", "small", "--out", str(folder), "--from-url"]
    assert main([*command, mirror.address.rstrip("/")]) == 0
    assert_whole(folder, files)
    assert not server.requests
    assert main([*command, "http://example.org/"]) == 2


def test_command_lists_the_sets(capsys):
    assert main(["download", "--list"]) == 0
    assert "cpsc2018" in capsys.readouterr().out
    assert main(["download", "cpsc2019"]) == 2
    assert "use cpsc2018, " in capsys.readouterr().err
    assert main(["download", "cpsc2018", "-j", "17"]) == 2


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX file permissions")
def test_folder_that_cannot_be_written(server, in_registry, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main(["download", "small", "--out", str(tmp_path / "file")]) == 2
    assert str(tmp_path / "file") in capsys.readouterr().err
