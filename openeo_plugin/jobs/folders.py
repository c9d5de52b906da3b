"""Where the files of batch jobs lie: one folder per finished job, hidden ones while a job runs.

<job>                    the files of a finished job; nothing else writes there
.<job>.<lease>           the files of one attempt, until they are whole
.<job>.kept-<queued>     computed windows that a next attempt need not compute again, and partial results made of them
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from pathlib import Path

from db.job_states import ACTIVE, LEAVES_PARTIAL

States = Callable[[Iterable[str]], Mapping[str, tuple[str, str | None]]]

_JOB = re.compile(r"[0-9a-f]{32}")
_ATTEMPT = re.compile(r"\.([0-9a-f]{32})\.(.+)")
_KEPT = "kept-"

KEEPS_WINDOWS = ACTIVE | LEAVES_PARTIAL
"""States of jobs whose computed windows are of use."""


@dataclass(frozen=True)
class ResultFolders:
    """The folders below `root`, shared by all workers and web processes."""

    root: Path

    def of(self, job_id: str) -> Path:
        """The files of a finished job."""
        return self.root / job_id

    def attempt(self, job_id: str, lease: str) -> Path:
        """The files of a run under way."""
        return self.root / f".{job_id}.{_short(lease)}"

    def kept_windows(self, job_id: str, queued: datetime | None) -> Path:
        """Windows computed since the user started the job."""
        stamp = 0 if queued is None else int(queued.timestamp() * 1_000_000)
        return self.root / f".{job_id}.{_KEPT}{stamp}"

    def clear_attempt(self, job_id: str, lease: str) -> None:
        """Remove what a run that has ended left half made."""
        _remove(self.attempt(job_id, lease))

    def new_attempt(self, job_id: str, lease: str) -> Path:
        """An empty folder for a run that begins; those of earlier runs, whose leases are lost, go."""
        for folder in self.root.glob(f".{job_id}.*"):
            if not folder.name.startswith(f".{job_id}.{_KEPT}"):
                _remove(folder)
        folder = self.attempt(job_id, lease)
        folder.mkdir(parents=True)
        return folder

    def clear_windows(self, job_id: str, *, but: Path | None = None) -> None:
        """Remove the computed windows of a job that nobody will go on with, except those in `but`."""
        for folder in self.root.glob(f".{job_id}.{_KEPT}*"):
            if folder != but:
                _remove(folder)

    def discard(self, job_id: str) -> None:
        """Remove everything of a job."""
        for folder in (self.of(job_id), *self.root.glob(f".{job_id}.*")):
            _remove(folder)

    def sweep(self, states: States) -> None:
        """Remove what runs left whose lease is another's by now, and what deleted jobs left.

        Args:
            states: as `JobStore.states`.
        """
        for names in batched(self._names(), 500):
            known = states({_job_of(name) for name in names})
            for name in names:
                state = known.get(_job_of(name))
                if state is None or not _has_use(name, *state):
                    _remove(self.root / name)

    def _names(self) -> Iterator[str]:
        if self.root.is_dir():
            yield from sorted(path.name for path in self.root.iterdir() if _job_of(path.name))


def _has_use(name: str, status: str, lease: str | None) -> bool:
    attempt = _ATTEMPT.fullmatch(name)
    if attempt is None:
        return True
    if attempt[2].startswith(_KEPT):
        return status in KEEPS_WINDOWS
    return lease is not None and attempt[2] == _short(lease)


def _job_of(name: str) -> str:
    attempt = _ATTEMPT.fullmatch(name)
    return attempt[1] if attempt else name if _JOB.fullmatch(name) else ""


def _short(lease: str) -> str:
    return lease.rpartition("-")[2] or "none"


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
