from __future__ import annotations

import signal

import pytest

from openeo_plugin.jobs.death import error_of


@pytest.mark.parametrize(
    ("wait_status", "words"),
    [
        (signal.SIGKILL, ["SIGKILL", "out of memory", "smaller extent"]),
        (signal.SIGSEGV, ["SIGSEGV", "crashed"]),
        (signal.SIGABRT | 0x80, ["SIGABRT", "crashed"]),  # with a core dump
        (signal.SIGTERM, ["SIGTERM", "stopped from outside"]),
        (0, ["exit status 0", "before it had stored a result"]),
        (70 << 8, ["exit status 70"]),
    ],
)
def test_the_user_is_told_how_the_process_ended_and_what_to_do(wait_status: int, words: list[str]) -> None:
    error = error_of(wait_status)
    assert error["code"] == "Internal"
    assert [word for word in words if word not in str(error["message"])] == []
