"""The registry of inputs and the publisher's lists."""

import tomllib

import pytest

from ekg.datasets.registry import (
    REGISTRY,
    check_address,
    check_relative,
    parse_checksums,
    read_registry,
    source_named,
)
from ekg.errors import DownloadError

ONE = "a" * 64
TWO = "b" * 64


def test_registry_is_complete():
    registry = read_registry()
    assert {"cpsc2018", "georgia", "cpsc2018_extra", "ptb_challenge", "ptbxl_challenge"} <= set(
        registry
    )
    assert {"incart", "ptbdb", "ptbxl", "published_model"} <= set(registry)
    for source in registry.values():
        assert source.title and source.purpose and source.licence and source.citation
        assert all(address.startswith("https://") for address in source.addresses)
        assert len(source.addresses) >= 2 and source.about_bytes > 0
        assert source.files or (source.records and source.checksums == "SHA256SUMS.txt")


def test_published_files_have_the_published_sums():
    files = {file.path: file for file in source_named("published_model").files}
    assert len(files) == 6
    weights = files["models/mobilenetv3_small_custom_37.model"]
    assert weights.sha256.startswith("731a373ea9e181e3") and weights.size == 645_413
    assert weights.local == "mobilenetv3_small_custom_37.model"
    assert sum(file.size for file in files.values()) == source_named("published_model").about_bytes


def test_published_files_here_are_those(shared):
    from ekg.files import sha256_of_file

    for file in source_named("published_model").files:
        assert sha256_of_file(shared / "published_model" / file.local) == file.sha256


def test_selection_from_the_publishers_list():
    sums = {
        "training/cpsc_2018/g1/A0001.hea": ONE,
        "training/cpsc_2018/g1/A0001.mat": TWO,
        "training/cpsc_2018/g1/index.html": ONE,
        "training/cpsc_2018_extra/g1/Q0001.hea": ONE,
        "RECORDS": ONE,
    }
    files = source_named("cpsc2018").select(sums)
    assert [(file.path, file.local, file.sha256) for file in files] == [
        ("training/cpsc_2018/g1/A0001.hea", "g1/A0001.hea", ONE),
        ("training/cpsc_2018/g1/A0001.mat", "g1/A0001.mat", TWO),
    ]
    ptbxl = {"records500/00000/00001_hr.dat": ONE, "records100/00000/00001_lr.dat": ONE}
    assert len(source_named("ptbxl").select({**ptbxl, "ptbxl_database.csv": TWO})) == 2
    ptbdb = {"patient001/s0010_re.xyz": ONE, "CONTROLS": TWO, "ANNOTATORS": ONE}
    assert [file.local for file in source_named("ptbdb").select(ptbdb)] == [
        "patient001/s0010_re.xyz",
        "CONTROLS",
    ]


def entry(**changes):
    """A registry of one entry, with changes; None leaves a field out."""
    fields = {
        "title": '"t"',
        "purpose": '"p"',
        "addresses": '["https://example.org/"]',
        "licence": '"l"',
        "citation": '"c"',
        "homepage": '"h"',
        "about_bytes": "1",
        "checksums": '"S"',
        **changes,
    }
    return "[one]\n" + "\n".join(f"{k} = {v}" for k, v in fields.items() if v is not None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[one", "not a TOML file"),
        (entry(title=None), r"\[one\] has a missing or unknown field"),
        (entry(colour='"red"'), r"\[one\] has a missing or unknown field"),
        (entry(addresses="[]"), "`addresses` is empty"),
        (entry(addresses='["https://example.org"]'), "does not end with /"),
        (entry(addresses='["ftp://example.org/"]'), "an https address"),
        (entry(checksums=None), "needs either"),
        (entry(checksums=None, files=f'[{{path="../x", sha256="{ONE}"}}]'), "not a plain path"),
        (entry(checksums=None, files='[{path="x", sha256="12"}]'), "not 64 lower-case"),
    ],
)
def test_wrong_registry(tmp_path, text, problem):
    path = tmp_path / "registry.toml"
    path.write_text(text)
    with pytest.raises(DownloadError, match=problem):
        read_registry(path)


def test_right_registry(tmp_path):
    path = tmp_path / "registry.toml"
    path.write_text(entry())
    assert read_registry(path)["one"].include == ("*",)
    with pytest.raises(DownloadError, match="registry not found"):
        read_registry(tmp_path / "none.toml")


def test_registry_names_no_secret():
    text = REGISTRY.read_text()
    assert "@" not in text and "token" not in text.lower()
    assert tomllib.loads(text)


@pytest.mark.parametrize(
    "address",
    ["https://physionet.org/files/", "http://127.0.0.1:80/", "http://localhost/", "http://[::1]/"],
)
def test_addresses_let_through(address):
    check_address(address)


@pytest.mark.parametrize(
    "address",
    ["http://physionet.org/", "http://127.0.0.1.example.org/", "ftp://127.0.0.1/", "/files", ""],
)
def test_addresses_refused(address):
    with pytest.raises(DownloadError, match="an https address"):
        check_address(address)


def test_address_with_a_password_is_refused_without_showing_it():
    with pytest.raises(DownloadError, match=r"example\.org contains a user name") as refusal:
        check_address("https://me:secret@example.org/")
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("name", ["a", "a/b.hea", "a b", "..a", "ä.mat"])
def test_names_let_through(name):
    check_relative(name, "list")


@pytest.mark.parametrize(
    "name", ["", "/a", "a//b", "../a", "a/../b", "a/.", "a\\b", "C:x", "a\x00", "a\nb", "a/"]
)
def test_names_refused(name):
    with pytest.raises(DownloadError, match=r"list: .* is not a plain path"):
        check_relative(name, "list")


def test_list_forms():
    text = f"{ONE} a/b.hea\n{TWO.upper()}  *c d.mat\r\n\n{ONE}  ./e\n"
    assert parse_checksums(text, "list") == {"a/b.hea": ONE, "c d.mat": TWO, "e": ONE}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"),
        (f"{ONE[:-1]} a", "line 1 is not"),
        (f"{ONE} a\n{ONE}", "line 2 is not"),
        (f"{ONE} a\n{TWO} a", "line 2 gives a a second"),
        (f"{ONE} /etc/passwd", "not a plain path"),
    ],
)
def test_wrong_lists(text, problem):
    with pytest.raises(DownloadError, match=problem):
        parse_checksums(text, "list")
