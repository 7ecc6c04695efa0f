"""Inputs with the structure of their format and odd values in it, a few of each."""

import hypothesis
import pytest

from campaigns.fuzzing.case import run_case
from campaigns.fuzzing.mutation import inputs
from campaigns.fuzzing.structured import STRATEGIES
from campaigns.fuzzing.targets import NAMES, target_named

FEW = {"metadata": 4, "record": 10, "png": 15}


@pytest.mark.parametrize("name", STRATEGIES)
def test_structured_inputs_end_in_a_result_or_an_error_of_ours(name, tmp_path):
    target = target_named(name)

    @hypothesis.settings(
        max_examples=FEW.get(name, 25),
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(STRATEGIES[name])
    def run(data):
        verdict = run_case(target, data, tmp_path / "case")
        assert verdict.kind != "finding", verdict.text

    run()


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"metadata"}))
def test_changed_inputs_end_in_a_result_or_an_error_of_ours(name, tmp_path):
    target = target_named(name)
    stream = inputs(target, 44, [])
    for _ in range(40):
        data = next(stream)
        verdict = run_case(target, data, tmp_path / "case")
        assert verdict.kind != "finding", (data, verdict.text)


def test_a_traceback_counts_as_a_finding(tmp_path):
    """What the campaign is for: it must see a defect when there is one."""
    from campaigns.fuzzing.case import Target
    from ekg.errors import EkgError

    def read(data, folder):
        if data == b"refuse":
            raise EkgError("no")
        if data == b"silence":
            raise EkgError("")
        return {b"a": 1}[data]

    target = Target("x", read, lambda: [b"a"])
    found = {
        data: run_case(target, data, tmp_path / "case")
        for data in (b"a", b"refuse", b"silence", b"b")
    }
    kinds = [verdict.kind for verdict in found.values()]
    assert kinds == ["result", "refused", "finding", "finding"]
    assert found[b"b"].place == "KeyError at test_properties.py:read"
