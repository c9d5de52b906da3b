from __future__ import annotations

from typing import get_args

import pytest

from db.job_states import ACTIVE, TRANSITIONS, Status, TransitionError, check_transition

STATES = get_args(Status)

# Worked by hand from the descriptions of POST and DELETE /jobs/{job_id}/results in openEO API 1.3.
ALLOWED = {
    ("created", "queued"),
    ("queued", "running"), ("queued", "created"), ("queued", "error"),
    ("running", "finished"), ("running", "error"), ("running", "canceled"), ("running", "created"),
    ("running", "queued"),
    ("canceled", "queued"), ("finished", "queued"), ("error", "queued"),
}  # fmt: skip


@pytest.mark.parametrize("status", STATES)
@pytest.mark.parametrize("following", STATES)
def test_only_the_ways_of_the_standard_are_open(status: Status, following: Status) -> None:
    if (status, following) in ALLOWED:
        check_transition(status, following)
    else:
        with pytest.raises(TransitionError, match=f"{status} can't become {following}"):
            check_transition(status, following)


def test_every_state_is_in_the_table_and_can_be_left() -> None:
    assert set(TRANSITIONS) == set(STATES)
    assert all(TRANSITIONS.values())


def test_jobs_are_locked_while_queued_or_running() -> None:
    assert {"queued", "running"} == ACTIVE
