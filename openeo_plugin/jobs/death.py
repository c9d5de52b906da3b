"""What to tell a user whose job's process ended without a result."""

from __future__ import annotations

import os
import signal

_CRASHES = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE})


def error_of(wait_status: int, board: str = "") -> dict[str, object]:
    """The error of a job whose process ended with this status, as `os.waitpid` gives it.

    `board`: what the process left on its `StatusBoard`.
    """
    return placed({"code": "Internal", "message": _message(wait_status)}, board)


def placed(error: dict[str, object], board: str) -> dict[str, object]:
    """The error with what the job was at: the phase, and the node being computed, if the board tells."""
    phase, _, node = board.partition("\n")
    if node:
        return {
            **error,
            "message": f"Node '{node}': {error['message']}",
            "path": [{"node_id": n} for n in node.split("/")],
        }
    return {**error, "message": f"While {phase}: {error['message']}"} if phase else error


def _message(wait_status: int) -> str:
    if not os.WIFSIGNALED(wait_status):
        status = os.waitstatus_to_exitcode(wait_status)
        return (
            f"The process of the job ended with exit status {status} before it had stored a result. "
            "Start the job again; if that fails too, report the id of the job to the operator."
        )
    number = os.WTERMSIG(wait_status)
    name = signal.Signals(number).name if number in signal.valid_signals() else f"signal {number}"
    if number == signal.SIGKILL:
        return (
            f"The process of the job was killed ({name}), most likely because the machine ran out of memory. "
            "Try a smaller extent, fewer dates or a coarser resolution, or start several smaller jobs."
        )
    if number in _CRASHES:
        return (
            f"The process of the job crashed ({name}). A file that it read may be damaged. "
            "Report the id of the job to the operator."
        )
    return f"The process of the job was stopped from outside ({name}). Start the job again."
