"""Records at an address give what the same files give."""

import pytest

from ekg.predict.inputs import expand
from tests.served import served

pytest.importorskip("fsspec", reason="the extra `cluster` is not installed")
pytest.importorskip("aiohttp", reason="the extra `cluster` is not installed")


@pytest.fixture
def address(records):
    with served(records) as address:
        yield address


def verdicts(predictor, *arguments):
    found = [predictor.predict_input(one) for one in expand(map(str, arguments))]
    return [(one.record, one.probabilities, one.warnings, one.error is None) for one in found]


def test_a_folder_and_single_records(predictor, records, address):
    expected = verdicts(predictor, records)
    assert [name for name, *_ in expected] == ["R2", "R3", "R10"]
    assert all(read for *_, read in expected)
    assert verdicts(predictor, address) == expected
    assert verdicts(predictor, f"file://{records}/") == expected
    for name in ("R2", "R2.hea", "R2.dat"):
        assert verdicts(predictor, address + name) == expected[:1]


def test_what_is_not_there_is_one_line(predictor, records, address):
    (records / "R10.dat").unlink()
    inputs = expand([address + "R10", address + "R11", "http://127.0.0.1:9/x/", "nowhere://x/y"])
    errors = [predictor.predict_input(one).error for one in inputs]
    assert errors[0].startswith(f"{address}R10: ") and "R10.dat is missing" in errors[0]
    assert errors[1] == f"{address}R11: file not found; check the address"
    assert errors[2].startswith("http://127.0.0.1:9/x/: no WFDB header")
    assert "nowhere://x/y: cannot be fetched (" in errors[3]


def test_a_header_leads_to_no_other_folder(predictor, records, address):
    header = records / "R2.hea"
    header.write_text(header.read_text().replace("R2.dat", "../secret.dat"))
    (one,) = expand([address + "R2"])
    assert predictor.predict_input(one).error.startswith(f"{address}R2: ")
