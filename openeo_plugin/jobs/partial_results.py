"""What a job has computed by now, as files: made when somebody asks, from the windows that its run has kept.

The run is not slowed down by it and knows nothing of it. Files are made in the background, one set at a time in a
process, by one process at a time for a job, at a low priority, and not again before ten times as long has passed as it
took. A set of files has a folder of its own, so whoever downloads one gets the rest of it, too:

.<job>.kept-<queued>/partial/<number>/    the files, and their document
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from db.jobs import Job, JobStore
from openeo_plugin.driver.driver import Driver
from openeo_plugin.driver.partial_files import PartialFiles, partial_note
from openeo_plugin.engine.kept_windows import kept_places
from openeo_plugin.errors import OpenEOError
from openeo_plugin.jobs.folders import KEEPS_WINDOWS, ResultFolders
from openeo_plugin.results.documents import result_documents

Json = dict[str, Any]

FOLDER = "partial"
_DOCUMENT = ".document.json"
_LOCK = ".lock"
_SETS_KEPT = 2
_PAUSE_S = 5.0
_PAUSE_FACTOR = 10.0
_PAUSE_AFTER_FAILURE_S = 60.0
_MOST_WAITING = 16
_LOG = logging.getLogger(__name__)


class _Backend(Protocol):
    @property
    def driver(self) -> Driver: ...

    @property
    def jobs(self) -> JobStore: ...


@dataclass(frozen=True)
class FileSet:
    """One set of files. `is_last`: the job has ended, and nothing will be added."""

    folder: Path
    document: Json
    windows: int
    took_s: float
    made: float
    is_last: bool


@dataclass(frozen=True)
class PartialResults:
    """Partial results of one job."""

    backend: _Backend
    folders: ResultFolders
    job: Job

    @property
    def _kept(self) -> Path:
        return self.folders.kept_windows(self.job.id, self.job.queued)

    def exist(self) -> bool:
        """Whether the job has left anything."""
        return self.latest() is not None or bool(kept_places(self._kept))

    def document(self, wait_s: float) -> Json | None:
        """The STAC collection of the newest files; None if there are none.

        If there is more by now, it is waited for, but no longer than so many seconds, and by one caller only.
        """
        latest = self.latest()
        if self._is_due(latest):
            begun = _begin(self._kept, self._make)
            if begun is not None:
                begun.join(wait_s)
            latest = self.latest()
        return None if latest is None or not latest.document["assets"] else latest.document

    def file(self, path: str) -> tuple[Path, str] | None:
        """A file of one of the sets and its media type, by its path `<number>/<name>`; None if there is none."""
        number, _, name = path.partition("/")
        found = self._read(self._kept / FOLDER / number) if number.isdecimal() else None
        asset = None if found is None else found.document["assets"].get(name)
        if found is None or asset is None or not (found.folder / name).is_file():
            return None
        return found.folder / name, str(asset["type"])

    def latest(self) -> FileSet | None:
        """The newest set of files."""
        return next(filter(None, map(self._read, reversed(self._sets()))), None)

    def _sets(self) -> list[Path]:
        folder = self._kept / FOLDER
        found = [path for path in folder.iterdir() if path.name.isdecimal()] if folder.is_dir() else []
        return sorted(found, key=lambda path: int(path.name))

    def _read(self, folder: Path) -> FileSet | None:
        try:
            held = json.loads((folder / _DOCUMENT).read_text())
        except OSError:
            return None
        return FileSet(folder=folder, **held)

    def _is_due(self, latest: FileSet | None) -> bool:
        if latest is not None and latest.is_last:
            return False
        windows = len(kept_places(self._kept))
        if latest is None or _has_ended(self.job):
            return windows > 0
        pause_s = max(_PAUSE_S, _PAUSE_FACTOR * latest.took_s)
        return windows != latest.windows and time.time() - latest.made >= pause_s

    def _make(self) -> None:
        """Make a set of files, unless another process is about it."""
        root = self._kept / FOLDER
        try:
            root.mkdir(exist_ok=True)
            with _alone(root / _LOCK) as is_alone:
                if is_alone and self._is_due(self.latest()):
                    self._make_in(root)
        except FileNotFoundError:
            _LOG.info("Job %s has ended while its partial results were made", self.job.id)
        finally:
            self._clear_what_nobody_needs()

    def _make_in(self, root: Path) -> None:
        for left in root.glob(".making-*"):
            shutil.rmtree(left, ignore_errors=True)
        started, windows = time.monotonic(), len(kept_places(self._kept))
        plan = self.backend.driver.plan(self.job.process, self.job.owner)
        making = root / f".making-{secrets.token_hex(4)}"
        making.mkdir()
        sets = self._sets()
        target = root / str(1 + max((int(path.name) for path in sets), default=0))
        try:
            files = self.backend.driver.partial(plan, self._kept, making)
            held = {
                "document": self._described(files, target.name),
                "windows": windows,
                "took_s": time.monotonic() - started,
                "made": time.time(),
                "is_last": _has_ended(self.job),
            }
            (making / _DOCUMENT).write_text(json.dumps(held))
            making.rename(target)
        finally:
            shutil.rmtree(making, ignore_errors=True)
        for old in sets[: len(sets) + 1 - _SETS_KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        if held["is_last"] and files.assets:
            for file in self._kept.glob("*.npz"):
                file.unlink(missing_ok=True)

    def _described(self, files: PartialFiles, number: str) -> Json:
        """The document, in which files have the paths by which they are asked for."""
        shown = self.folders.of(self.job.id) / FOLDER / number
        assets = [replace(asset, path=shown / asset.path.name) for asset in files.assets]
        document, _ = result_documents(self.job, assets)
        for name, asset in document["assets"].items():
            share = files.covered[name]
            asset |= {"description": partial_note(share), "openeo:covered": round(share, 6)}
        return document

    def _clear_what_nobody_needs(self) -> None:
        """A job that has finished meanwhile may have removed the folder while files were being written to it."""
        try:
            job = self.backend.jobs.find(self.job.id)
            needed = job.queued == self.job.queued and job.status in KEEPS_WINDOWS
        except OpenEOError:
            needed = False
        if not needed:
            shutil.rmtree(self._kept, ignore_errors=True)


def _has_ended(job: Job) -> bool:
    """Whether no process computes for the job any more."""
    return job.status in ("canceled", "error") and job.worker is None


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[bool]:
    """Whether no other process holds the lock, which this one holds meanwhile."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


_UNDER_WAY: set[Path] = set()
_FAILED: dict[Path, float] = {}
_UNDER_WAY_LOCK = threading.Lock()
_ONE_AT_A_TIME = threading.Lock()


def _begin(key: Path, make: Callable[[], None]) -> threading.Thread | None:
    """A thread that makes the files of a job; None if one is about it, too many wait, or it failed a moment ago."""

    def work() -> None:
        with contextlib.suppress(AttributeError, OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
        try:
            with _ONE_AT_A_TIME:
                make()
        except Exception:
            _LOG.exception("Partial results could not be made")
            _FAILED[key] = time.monotonic()
        finally:
            with _UNDER_WAY_LOCK:
                _UNDER_WAY.discard(key)

    with _UNDER_WAY_LOCK:
        for failed in [k for k, moment in _FAILED.items() if time.monotonic() - moment >= _PAUSE_AFTER_FAILURE_S]:
            del _FAILED[failed]
        if key in _UNDER_WAY or key in _FAILED or len(_UNDER_WAY) >= _MOST_WAITING:
            return None
        _UNDER_WAY.add(key)
        thread = threading.Thread(target=work, name="partial", daemon=True)
        thread.start()
        return thread
