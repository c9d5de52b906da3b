"""How a server ends: told by a signal, with all that it has started, and within seconds."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import uvicorn

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class _Ended(BaseException):
    """A signal has arrived; what was begun is to be ended on the way out."""

    def __init__(self, number: int) -> None:
        self.number = number


class Server(uvicorn.Server):
    """Calls a function as soon as a signal tells it to end, before it waits for clients that are being served."""

    def __init__(self, config: uvicorn.Config, at_end: Callable[[], None]) -> None:
        super().__init__(config)
        self._at_end = at_end

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        self._at_end()
        super().handle_exit(sig, frame)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Leave the block at SIGTERM, SIGINT and SIGHUP as at an exception, then end the process by that signal.

    Threads that still compute are not waited for, as whoever they compute for is gone.
    """
    for number in _SIGNALS:
        signal.signal(number, _end)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    try:
        yield
    except _Ended as ended:
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        signal.signal(ended.number, signal.SIG_DFL)
        os.kill(os.getpid(), ended.number)
        os._exit(128 + ended.number)  # the first process of a container does not die of signals


def _end(number: int, _frame: FrameType | None) -> None:
    raise _Ended(number)
