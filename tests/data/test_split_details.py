"""Small promises of the split: sizes at the edges, the whole text of errors, the exact bytes."""

import math

import pytest

from ekg.data import split
from ekg.errors import SplitError

CLASSES = "AF, I-AVB, LBBB, Normal, RBBB, STD, STE"


def error_of(call):
    with pytest.raises(SplitError) as caught:
        call()
    return str(caught.value)


def file(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_what_the_paper_excludes():
    assert split.stratum_of("AF") == "AF"
    assert split.stratum_of("164889003") == "AF"
    assert split.stratum_of("AF,RBBB") is None
    assert split.stratum_of("PAC") is None
    assert split.stratum_of("") is None
    assert split.stratum_of("RBBB,AF", keep_multi=True) == "AF+RBBB"
    assert split.stratum_of("RBBB,PAC", keep_multi=True) is None
    assert split.stratum_of("RBBB,PAC", keep_multi=True, keep_ectopy=True) == "PAC+RBBB"


@pytest.mark.parametrize(
    ("n", "test"), [(1, 0), (2, 0), (3, 1), (9, 1), (10, 2), (16, 2), (17, 3), (100, 15)]
)
def test_stratified_sizes_are_rounded_and_small_classes_go_to_train(n, test):
    folds = split.split_records({f"r{i}": "AF" for i in range(n)}, protocol="stratified")
    found = list(folds.values())
    assert [found.count(fold) for fold in ("test", "val", "train")] == [test, test, n - 2 * test]


@pytest.mark.parametrize("n", [1, 6, 7, 19, 20, 100, 1695])
def test_paper_sizes_are_rounded_down(n):
    found = list(split.split_records({f"r{i}": "STE" for i in range(n)}).values())
    few, many = math.floor(0.15 * n), math.floor((1 - 0.15 - 0.15) * n)
    assert [found.count(fold) for fold in ("test", "val", "train")] == [few, few, many]
    assert found.count("none") == n - 2 * few - many


def test_a_pinned_split_of_each_protocol():
    labels = {f"S{i}": "AF" if i % 2 else "STE" for i in range(14)}
    folds = {p: split.split_records(labels, protocol=p, seed=44) for p in split.PROTOCOLS}
    shown = {p: " ".join(fold[:2] for fold in folds[p].values()) for p in folds}
    # An outside change of the hash, the shuffle or the order of classes shows here.
    assert shown == {
        "paper": "tr tr no va tr te te no tr tr va tr tr tr",
        "stratified": "tr tr tr tr tr tr va tr tr va tr tr te te",
    }
    assert split.split_records(labels) == folds["paper"]


def test_an_unknown_protocol():
    assert error_of(lambda: split.split_records({"a": "AF"}, protocol="kfold")) == (
        "unknown protocol 'kfold'; use paper or stratified"
    )


def test_no_record_of_the_classes():
    assert error_of(lambda: split.split_records({"a": "PAC", "b": "AF,STE"})) == (
        "none of the 2 records has exactly one diagnosis of "
        f"{CLASSES}; check the column `diagnoses`"
    )


def test_another_split_of_the_published_records():
    folds = {"A0001": "train", "A0002": "train", "A0003": "none"}
    message = error_of(lambda: split.check_published_split(folds))
    assert message == (
        "the split of the 6877 CPSC 2018 records is not the published one: "
        f"SHA-256 {split.split_checksum(folds)} instead of {split.PAPER_SPLIT_SHA256}, "
        "sizes {'train': 2, 'none': 1} instead of {'train': 3680, 'val': 784, 'test': 784, "
        "'none': 13, 'excluded': 1616}; "
        "check that the records are those of PhysioNet challenge-2020 1.0.2, unchanged"
    )


def test_checksum_is_of_sorted_lines():
    # `printf 'a,test\nb,train\n' | sha256sum`
    digest = "363ebee12f1e8d34a90e5d532acec9ac14aea31c8b8978205517752d873a28d5"
    assert split.split_checksum({"b": "train", "a": "test"}) == digest


def test_the_published_records_are_known_by_their_names():
    names = [f"A{n:04d}" for n in range(1, 6878)]
    assert split.is_published_record_set(names)
    assert not split.is_published_record_set(names[1:])
    assert not split.is_published_record_set([*names, "A6878"])
    assert not split.is_published_record_set([*names, "A0000"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name,dx\nA,AF\n",
            "no column `record`, `split` (there are: name, dx); "
            "the first line must name the columns record, split",
        ),
        ("record,split\n,train\n", "a row has an empty field `record`"),
        ("record,split\nA,val\n A ,val\n", "record A is named twice; name each record once"),
        ("record,split\n", "has no rows"),
        (
            "record,split\nA,train\nB,Val\n",
            "record B: field `split` is 'Val'; use one of train, val, test, none, excluded",
        ),
    ],
)
def test_bad_tables_are_refused_in_one_whole_line(tmp_path, text, message):
    path = file(tmp_path, text)
    assert error_of(lambda: split.read_split(path)) == f"{path}: {message}"


def test_files_that_are_not_there_or_no_tables(tmp_path):
    missing = tmp_path / "no.csv"
    assert error_of(lambda: split.read_labels(missing)) == f"{missing}: file not found"
    binary = file(tmp_path, b"\xff\xfe\x00\x81")
    message = error_of(lambda: split.read_labels(binary))
    assert message.startswith(f"{binary}: not a readable CSV file (") and "codec" in message


def test_files_from_spreadsheets_and_names_of_digits(tmp_path):
    # Excel puts a byte order mark in front; a name of digits keeps its zeros.
    path = file(tmp_path, b"\xef\xbb\xbfrecord,diagnoses,age\n0012,AF,60\n 7 ,NA,\n")
    assert split.read_labels(path) == {"0012": "AF", "7": "NA"}


def test_a_written_split_is_read_back_and_has_these_bytes(tmp_path):
    folds = {"A2": "train", "A10": "excluded"}
    split.write_split(tmp_path / "split.csv", folds, {"A10": "AF,PAC", "A2": "AF", "x": "STE"})
    assert (tmp_path / "split.csv").read_bytes() == (
        b'record,diagnoses,split\nA2,AF,train\nA10,"AF,PAC",excluded\n'
    )
    assert split.read_split(tmp_path / "split.csv") == folds
    assert split.read_labels(tmp_path / "split.csv") == {"A2": "AF", "A10": "AF,PAC"}
