"""Defective official cases pass once their own slip is put right, and count for themselves."""

from __future__ import annotations

import pytest
from conformance import official
from conformance.corrections import CORRECTIONS, WITHOUT, run_corrected, summary
from conformance.defective import DEFECTIVE

PROCESSES = sorted({case_id.partition("#")[0] for case_id in CORRECTIONS})


@pytest.mark.parametrize("process_id", PROCESSES)
def test_the_defective_cases_of_a_process_pass_once_their_slips_are_put_right(process_id: str) -> None:
    official.require()
    outcomes = {o.case.id: o.why for o in run_corrected(process_id)}
    assert set(outcomes) == {case_id for case_id in CORRECTIONS if case_id.partition("#")[0] == process_id}
    assert set(outcomes.values()) == {None}, outcomes


def test_every_defective_case_has_a_correction_or_a_reason_why_not() -> None:
    assert set(DEFECTIVE) == set(CORRECTIONS) | set(WITHOUT)
    assert not set(CORRECTIONS) & set(WITHOUT)


def test_corrected_cases_are_counted_beside_those_that_pass() -> None:
    official.require()
    found = summary(["array_filter", "lte"])
    assert found["corrected"] == {"passed": 7, "failed": 0, "total": 7}
    assert [row["id"] for row in found["corrections"]] == [f"array_filter#{i}" for i in range(7)]
    assert "passed" not in found
