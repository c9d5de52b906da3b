"""The states of a batch job and every way from one to another, as openEO API 1.3 has them."""

from __future__ import annotations

from typing import Literal

Status = Literal["created", "queued", "running", "canceled", "finished", "error"]

# From each state the states that may follow, with what leads there.
TRANSITIONS: dict[Status, dict[Status, str]] = {
    "created": {"queued": "the user starts the job"},
    "queued": {
        "running": "a worker claims the job",
        "created": "the user cancels it before it has run",
        "error": "it can't be run, or its workers died too often",
    },
    "running": {
        "finished": "the worker has stored all results",
        "error": "the worker reports a failure, or workers died too often",
        "canceled": "the user cancels it",
        "created": "the user cancels it and there is no result to keep",
        "queued": "its worker stops or is lost; another one goes on",
    },
    "canceled": {"queued": "the user starts it again"},
    "finished": {"queued": "the user starts it again"},
    "error": {"queued": "the user starts it again"},
}

ACTIVE: frozenset[Status] = frozenset({"queued", "running"})  # locked against change
LEAVES_PARTIAL: frozenset[Status] = frozenset({"running", "canceled", "error"})  # what was computed can be had


class TransitionError(Exception):
    """A job can't go from its state to that one."""


def check_transition(status: Status, following: Status) -> None:
    """Raises: TransitionError, unless a job may go from one state to the other."""
    if following not in TRANSITIONS[status]:
        allowed = ", ".join(TRANSITIONS[status])
        raise TransitionError(f"a job that is {status} can't become {following}; it may become {allowed}")
