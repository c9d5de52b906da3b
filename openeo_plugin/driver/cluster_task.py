"""What a run and the workers of its cluster say to each other: a file that tells what is computed, and a task.

A worker compiles the process once more, with the same settings and over the same catalogue, and computes windows of the
same cubes. Were the two plans to differ (an item was imported meanwhile), the worker leaves its windows to the run.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import importlib.metadata
import json
import shutil
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openeo_plugin.driver.compilers import Compilers
from openeo_plugin.driver.saved_results import computed_operators
from openeo_plugin.engine import strips
from openeo_plugin.engine.barrier import Barrier
from openeo_plugin.engine.cluster import runs_for_somebody
from openeo_plugin.engine.operator import Operator, RunContext
from openeo_plugin.engine.plan import Origin
from openeo_plugin.engine.strips import Outcome, Strip
from openeo_plugin.errors import OpenEOError
from openeo_plugin.processes.effort import unlimited
from openeo_plugin.sources.item_cube import ItemCube

if TYPE_CHECKING:
    from config.settings import Settings

_WORK = "work.json"
_FORGOTTEN_AFTER_S = 2 * 86_400
_QUIET_AFTER_S = 600
_COMPILED: OrderedDict[str, tuple[list[Operator], str]] = OrderedDict()
_COMPILED_LOCK = threading.Lock()


@contextmanager
def shared_folder(settings: Settings, origin: Origin, operators: Sequence[Operator]) -> Iterator[Path]:
    """A folder for one run that its workers see too; it is removed at the end."""
    root = settings.data_dir / "windows"
    _sweep(root)
    folder = root / uuid.uuid4().hex
    folder.mkdir(parents=True, mode=0o700)
    work = {
        "settings": settings.model_dump(mode="json", exclude={"secret_key"}) | {"dask_address": None},
        "process": origin.process,
        "user": origin.user,
        "parameters": origin.parameters,
        "cubes": fingerprint(operators),
        "software": _software(),
    }
    try:
        with (folder / _WORK).open("w") as file:
            with suppress(OSError):  # some network storage has no locks
                fcntl.flock(file, fcntl.LOCK_EX)
            json.dump(work, file)
            file.flush()
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove what runs have left whose process was killed: nobody holds the lock of their folder any more."""
    for folder in root.iterdir() if root.is_dir() else ():
        try:
            age_s = time.time() - folder.stat().st_mtime
            if age_s > _FORGOTTEN_AFTER_S or (age_s > _QUIET_AFTER_S and not is_held(folder)):
                shutil.rmtree(folder, ignore_errors=True)
        except FileNotFoundError:
            continue


def is_held(folder: Path) -> bool:
    """Whether the run of a folder lives, as far as locks tell."""
    try:
        with (folder / _WORK).open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
    except FileNotFoundError:
        return False
    except OSError:
        return True


@functools.cache
def _software() -> str:
    try:
        return importlib.metadata.version("pygeoapi-openeo")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def fingerprint(operators: Sequence[Operator]) -> str:
    """Two plans with the same fingerprint compute the same cubes from the same files."""
    found = hashlib.sha256()
    waiting, seen = list(reversed(operators)), set()
    while waiting:
        operator = waiting.pop()
        if id(operator) not in seen:
            seen.add(id(operator))
            if isinstance(operator, Barrier):
                waiting.append(operator.fold_input)
            waiting.extend(reversed(operator.inputs))
            found.update(repr(_described(operator)).encode())
    return found.hexdigest()


def _described(operator: Operator) -> tuple[Any, ...]:
    cube = operator.description
    grid = (tuple(cube.grid.affine), tuple(cube.grid.shape), str(cube.grid.crs))
    labels = [(d.name, tuple(map(str, d.labels))) for d in cube.labelled]
    bands = [(b.name, str(b.dtype), repr(b.nodata)) for b in cube.bands]
    slices = operator.slices if isinstance(operator, ItemCube) else ()
    files = [(layer.path, layer.index) for own in slices for layers in own for layer in layers]
    return operator.node, type(operator).__name__, grid, labels, bands, files


def compute_strip(folder: str, strip: Strip) -> Outcome:
    """Compute windows into a folder. Stops when the folder is gone; leaves out what is there already."""
    where, context, started_s = Path(folder), RunContext(), time.thread_time()

    def outcome(**more: Any) -> Outcome:
        return Outcome(context.bytes_read, time.thread_time() - started_s, **more)

    def is_wanted() -> bool:
        return where.is_dir() and runs_for_somebody()

    try:
        work = json.loads((where / _WORK).read_text())
        if work["software"] != _software():
            return outcome(left=f"it has version {_software()}, the job has {work['software']}.")
        operators, cubes = _operators(where, work)
        if cubes != fingerprint(operators):
            return outcome(left="it sees another catalogue, or the catalogue has changed.")
        strips.compute_strip(operators, strip, where, context, is_wanted)
    except OpenEOError as error:
        return outcome(fault=(error.code, error.node, error.plain_message))
    except FileNotFoundError:
        if is_wanted():
            raise
    return outcome()


def _operators(folder: Path, work: dict[str, Any]) -> tuple[list[Operator], str]:
    """What the run of a folder computes, compiled once in this process; and the fingerprint that it should have."""
    with _COMPILED_LOCK:
        found = _COMPILED.get(folder.name)
        if found is None:
            found = _compiled(work)
            _COMPILED[folder.name] = found
            if len(_COMPILED) > 2:
                _COMPILED.popitem(last=False)
        return found


def _compiled(work: dict[str, Any]) -> tuple[list[Operator], str]:
    from config.settings import Settings
    from db.collections import CollectionStore
    from db.processes import ProcessStore
    from db.session import Database

    allow_open_files()
    settings = Settings(**work["settings"])
    database = Database(settings.database)
    try:
        compilers = Compilers(settings, CollectionStore(database), ProcessStore(database))
        with unlimited():
            plan = compilers.of(work["user"]).plan(work["process"], work["parameters"] or {})
    finally:
        database.dispose()
    return computed_operators(plan), work["cubes"]


def allow_open_files() -> None:
    """Let this process open as many files as the system grants: threads keep the datasets they read open."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
