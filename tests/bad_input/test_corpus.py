"""Inputs that the bad-input campaign found worth keeping, replayed against every reader."""

import time

import pytest

from campaigns.fuzzing.case import SECONDS_ALLOWED, run_case
from campaigns.fuzzing.child import known_inputs
from campaigns.fuzzing.targets import NAMES, target_named

MOST_BYTES = 60_000


@pytest.mark.parametrize("name", NAMES)
def test_sound_and_kept_inputs_end_in_a_result_or_an_error_of_ours(name, tmp_path):
    target = target_named(name)
    inputs = known_inputs(target)
    run_case(target, inputs[0], tmp_path / "case")  # builds what is built once
    kinds = set()
    for data in inputs:
        before = time.process_time()
        verdict = run_case(target, data, tmp_path / "case")
        assert verdict.kind != "finding", verdict.text
        assert time.process_time() - before < SECONDS_ALLOWED
        kinds.add(verdict.kind)
    # A reader that refused everything, or took everything, would pass for sound otherwise.
    only = {"metadata": {"refused"}, "journal": {"result"}, "comments": {"result"}}
    assert kinds == only.get(name, {"result", "refused"})


def test_the_corpus_is_small_and_of_known_readers(root):
    folder = root / "tests" / "bad_input" / "corpus"
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.parent.name for path in files} == set(NAMES)
    assert sum(path.stat().st_size for path in files) < MOST_BYTES
