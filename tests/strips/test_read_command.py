"""`ekg read`: what it writes and what it says."""

import json

import numpy as np
import pytest
import wfdb

from ekg.cli import main
from tests.strips.strip_pages import RATE, figure_of, printed, save_pdf, twelve_leads


@pytest.fixture(scope="module")
def signal():
    return twelve_leads()


@pytest.fixture
def page(tmp_path, signal):
    path = tmp_path / "Müller, page 1.pdf"
    save_pdf(figure_of(signal), path)
    return path


def test_a_page_becomes_a_record_a_report_and_an_overlay(tmp_path, page, signal, capsys):
    out = tmp_path / "out"
    assert main(["read", str(page), "--out", str(out), "-j", "1"]) == 0
    name = "M_ller__page_1"
    assert sorted(path.name for path in out.iterdir() if not path.name.startswith(".")) == [
        f"{name}.dat",
        f"{name}.hea",
        f"{name}.overlay.png",
        f"{name}.report.json",
    ]
    record = wfdb.rdrecord(str(out / name))
    shown = printed(signal)
    assert record.fs == RATE and record.units == ["mV"] * 12
    # Where a lead is not shown stands WFDB's invalid sample.
    assert np.isnan(record.p_signal[3000, 0]) and np.isfinite(record.p_signal[3000, 1])
    difference = record.p_signal[100:1200, 0] - shown[0, 100:1200]
    assert np.ptp(difference) < 0.03
    report = json.loads((out / f"{name}.report.json").read_text())
    assert report["outcome"] == "read" and set(report["leads"]) == set(record.sig_name)
    assert "1 read, 0 read in part, 0 refused" in capsys.readouterr().out


def test_pages_are_counted_and_a_refused_one_has_a_report_with_the_reason(tmp_path, page, capsys):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"nothing")
    out = tmp_path / "out"
    assert main(["read", str(page), str(broken), "--out", str(out), "-j", "2"]) == 0
    captured = capsys.readouterr()
    assert "1 read, 0 read in part, 1 refused" in captured.out
    assert f"{broken}: is not a readable image or PDF" in captured.err
    report = json.loads((out / "broken.report.json").read_text())
    assert report["outcome"] == "refused" and "not a readable" in report["reason"]
    assert main(["read", str(broken), "--out", str(out), "-j", "1"]) == 1


def test_what_was_read_before_is_not_read_again_unless_the_options_change(tmp_path, page, capsys):
    out = tmp_path / "out"
    command = ["read", str(page), "--out", str(out), "-j", "1"]
    main(command)
    overlay = out / "M_ller__page_1.overlay.png"
    overlay.write_bytes(b"left as it is")
    main(command)
    assert "read before" in capsys.readouterr().err
    assert overlay.read_bytes() == b"left as it is"
    main([*command, "--gain", "5"])
    assert overlay.read_bytes() != b"left as it is"


def test_the_name_can_be_given_and_must_be_one(tmp_path, page, capsys):
    out = tmp_path / "out"
    assert main(["read", str(page), "--out", str(out), "--name", "first", "-j", "1"]) == 0
    assert (out / "first.hea").is_file()
    assert main(["read", str(page), "--out", str(out), "--name", "a b"]) == 2
    assert "is not a record name" in capsys.readouterr().err
    assert main(["read", str(page), str(page), "--out", str(out), "--name", "x"]) == 2


def test_two_pages_of_one_name_are_refused_before_anything_is_read(tmp_path, page, capsys):
    other = tmp_path / "more" / page.name
    other.parent.mkdir()
    other.write_bytes(page.read_bytes())
    assert main(["read", str(page), str(other), "--out", str(tmp_path / "out")]) == 2
    assert "would both be named" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--corners", "1,2:3"], "four points"),
        (["--corners", "here"], "expected X,Y"),
        (["--layout", "9x9"], "unknown layout"),
        (["--speed", "0"], "speed is 0"),
        (["-j", "0"], "--jobs is 0"),
    ],
)
def test_bad_options_are_one_line(tmp_path, page, capsys, options, words):
    assert main(["read", str(page), "--out", str(tmp_path / "out"), *options]) == 2
    assert words in capsys.readouterr().err
