from pathlib import Path

import pytest

from ekg.predict.inputs import expand


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("A2.hea", "A2.mat", "A10.hea", "A10.mat", "odd.mat", "note.txt", ".hid.hea"):
        (tmp_path / name).touch()
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "B1.PNG").touch()
    (tmp_path / "pictures" / "list.csv").touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def kinds(*arguments, lines=()):
    return [(found.path, found.record, found.kind) for found in expand(arguments, lines)]


def test_records_by_any_of_their_names(folder):
    assert kinds("A2", "A10.mat") == [("A2", "A2", "record"), ("A10.mat", "A10", "record")]


def test_a_record_named_twice_comes_once(folder):
    assert kinds("A2.hea", "A2.mat", "A2", ".") == [
        ("A2.hea", "A2", "record"),
        ("A10.hea", "A10", "record"),
    ]


def test_a_folder_means_its_records_or_else_its_images(folder):
    assert [path for path, _, _ in kinds(str(folder))] == [
        str(folder / "A2.hea"),
        str(folder / "A10.hea"),
    ]
    assert kinds("pictures") == [(str(Path("pictures/B1.PNG")), "B1", "image")]


def test_an_empty_folder_says_so(folder):
    (found,) = expand(["empty"])
    assert (found.kind, found.record) == ("none", "empty")
    assert "no recordings and no images" in found.problem


def test_any_other_file_is_tried_as_an_image(folder):
    assert kinds("note.txt") == [("note.txt", "note", "image")]


def test_a_signal_file_without_header_is_a_record_to_complain_about(folder):
    assert kinds("odd.mat") == [("odd.mat", "odd", "record")]


def test_what_is_not_there(folder):
    assert kinds("A3") == [("A3", "A3", "record")]
    (found,) = expand(["x.png"])
    assert (found.kind, found.problem) == ("none", "file not found; check the path")
    (found,) = expand(["Z*"])
    assert (found.kind, found.problem) == ("none", "no file matches this pattern")


def test_patterns_in_natural_order(folder):
    assert [path for path, _, _ in kinds("A*.hea")] == ["A2.hea", "A10.hea"]


def test_a_name_with_brackets_is_not_a_pattern(folder):
    (folder / "A[1].hea").touch()
    assert kinds("A[1].hea") == [("A[1].hea", "A[1]", "record")]


def test_standard_input_is_read_only_when_asked_for(folder):
    assert kinds("-", lines=["A2\n", "\n", "A10\r\n"]) == [
        ("A2", "A2", "record"),
        ("A10", "A10", "record"),
    ]
    assert kinds("A2", lines=["A10\n"]) == [("A2", "A2", "record")]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"0       X X X X".ljust(256), "an EDF file"),
        (b"<?xml version='1.0'?>", "an XML file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(64), "an HDF5 file"),
    ],
)
def test_a_recording_in_another_format_is_no_image(tmp_path, content, kind):
    path = tmp_path / "a.edf"
    path.write_bytes(content)
    (found,) = expand([str(path)])
    assert found.kind == "none" and f"is {kind}, not a WFDB record" in found.problem


def test_links_to_folders_are_followed(folder):
    (folder / "empty" / "all").symlink_to(folder)
    assert [name for _, name, _ in kinds("empty")] == ["A2", "A10"]
