"""One table of cases, run against `predict` and against the page: read alike, refused alike."""

import numpy as np
import pytest

from ekg.errors import EkgError
from ekg.images.image_checks import ImageChecker, read_external_image
from ekg.model.engines import open_engine
from ekg.predict.predictor import Predictor
from ekg.records.record import read_record
from tests.page import cases

CASES = cases.table()
NAME = {"ids": lambda case: case["name"]}


@pytest.fixture(scope="module")
def predictor(model_path):
    return Predictor(open_engine(model_path))


@pytest.fixture(scope="module")
def upright(renderer):
    return renderer.draw(cases.strip(2.5, 500).T)


@pytest.fixture(scope="module")
def checker(renderer):
    return ImageChecker(renderer)


def fits(found, wanted):
    """Return whether each warning has the words that the table gives."""
    return len(found) == len(wanted) and all(w in f for f, w in zip(found, wanted, strict=True))


@pytest.mark.parametrize("case", CASES["pictures"], **NAME)
def test_a_image_is_read_or_refused(case, checker, upright, tmp_path):
    (file,) = cases.write_image(tmp_path, upright, **case["make"])
    if "refused" in case:
        with pytest.raises(EkgError, match=case["refused"]):
            checker.check(read_external_image(file, 800), file)
        return
    image = read_external_image(file, 800)
    assert fits(checker.check(image, file), case["warnings"])
    difference = np.abs(image.astype(int) - upright)
    assert difference.mean() < (5 if case["make"].get("form") == "JPEG" else 1e-9)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """The files of every case, by name."""
    return {
        case["name"]: cases.write_record(tmp_path_factory.mktemp("case"), **case.get("make", {}))
        for case in CASES["records"]
    }


@pytest.fixture(scope="module")
def in_python(records, predictor):
    """What `predict` makes of every case: a record and its warnings, or a problem."""
    found = {}
    for case in CASES["records"]:
        part = {"begin": case.get("from"), "end": case.get("to")}
        try:
            record = read_record(records[case["name"]][0], **part)
            found[case["name"]] = (record, predictor.predict(record), None)
        except EkgError as error:
            found[case["name"]] = (None, None, error)
    return found


@pytest.fixture(scope="module")
def in_the_page(records, run_node, bare_page):
    """What the page's reader makes of every case."""
    asked = [
        {
            "files": [str(file) for file in records[case["name"]]],
            "part": {"from": case.get("from"), "to": case.get("to")},
        }
        for case in CASES["records"]
    ]
    given = {"page": str(bare_page), "records": asked, "onlyRead": True}
    answers = run_node("compute.mjs", given)["records"]
    return {case["name"]: answer for case, answer in zip(CASES["records"], answers, strict=True)}


def weighed(signal):
    """Return one number a lead that tells signals apart, as `compute.mjs` does."""
    return (signal * (np.arange(signal.shape[1]) % 7 + 1)).sum(axis=1)


@pytest.mark.parametrize("case", CASES["records"], **NAME)
def test_predict_reads_or_refuses_a_record(case, in_python):
    record, prediction, error = in_python[case["name"]]
    if "refused" in case:
        assert error is not None
        assert case["refused"] in error.problem
        return
    assert error is None, error
    assert fits(prediction.warnings, case["warnings"]), prediction.warnings
    if "like" in case:
        other = in_python[case["like"]][0]
        assert record.signal == pytest.approx(other.signal, abs=2e-3)


@pytest.mark.parametrize("case", CASES["records"], **NAME)
def test_the_page_does_the_same(case, in_python, in_the_page):
    record, prediction, error = in_python[case["name"]]
    page = in_the_page[case["name"]]
    if "refused" in case:
        assert case["refused"] in page.get("problem", ""), page
        assert page["expected"]
        if not case.get("own_words"):
            assert page["problem"] == error.problem
        return
    assert page.get("error") is None, page["trace"]
    assert page["warnings"] == list(prediction.warnings)
    assert page["starts"] == [reading.start for reading in prediction.slices]
    assert page["sums"] == pytest.approx(weighed(record.signal).tolist(), rel=1e-9, abs=1e-9)


def test_every_case_says_what_is_right():
    names = [case["name"] for kind in CASES.values() for case in kind]
    assert len(set(names)) == len(names)
    for case in [case for kind in CASES.values() for case in kind]:
        assert ("refused" in case) != ("warnings" in case), case["name"]
