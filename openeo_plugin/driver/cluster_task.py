"""What a run and the workers of its cluster say to each other: a file that tells what is computed, and a task.

A worker compiles the process once more, with the same settings and over the same catalogue, and computes windows of the
same cubes. Were the two plans to differ (an item was imported meanwhile), the worker leaves its windows to the run.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openeo_plugin.cube.grid import Window
from openeo_plugin.driver.compilers import Compilers
from openeo_plugin.driver.saved_results import computed_operators
from openeo_plugin.engine.cluster import Outcome, Strip
from openeo_plugin.engine.kept_windows import write_blocks
from openeo_plugin.engine.operator import Operator, RunContext
from openeo_plugin.engine.plan import Origin
from openeo_plugin.engine.window import compute_window, window_key
from openeo_plugin.errors import OpenEOError
from openeo_plugin.sources.item_cube import ItemCube

if TYPE_CHECKING:
    from config.settings import Settings

_WORK = "work.json"
_FORGOTTEN_AFTER_S = 2 * 86_400
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
    }
    try:
        (folder / _WORK).write_text(json.dumps(work))
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove what runs have left whose process was killed."""
    for folder in root.iterdir() if root.is_dir() else ():
        try:
            if time.time() - folder.stat().st_mtime > _FORGOTTEN_AFTER_S:
                shutil.rmtree(folder, ignore_errors=True)
        except FileNotFoundError:
            continue


def fingerprint(operators: Sequence[Operator]) -> str:
    """Two plans with the same fingerprint compute the same cubes from the same files."""
    found = hashlib.sha256()
    waiting, seen = list(reversed(operators)), set()
    while waiting:
        operator = waiting.pop()
        if id(operator) not in seen:
            seen.add(id(operator))
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
    where, context = Path(folder), RunContext()
    try:
        operators, cubes = _operators(where)
        if cubes != fingerprint(operators):
            return Outcome()
        chosen = [operators[place] for place in strip.places]
        for place in strip.windows:
            if not where.is_dir():
                return Outcome()
            window = Window(chosen[0].description.grid, *place)
            key = window_key(strip.group, window)
            if not (where / f"{key}.npz").exists():
                write_blocks(where, key, compute_window(chosen, window, strip.part_px, context))
    except OpenEOError as error:
        return Outcome(context.bytes_read, (error.code, error.node, error.plain_message))
    except FileNotFoundError:
        if where.is_dir():
            raise
        return Outcome()
    return Outcome(context.bytes_read)


def _operators(folder: Path) -> tuple[list[Operator], str]:
    """What the run of a folder computes, compiled once in this process; and the fingerprint that it should have."""
    with _COMPILED_LOCK:
        found = _COMPILED.get(folder.name)
        if found is None:
            found = _compiled(json.loads((folder / _WORK).read_text()))
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
        plan = compilers.of(work["user"]).plan(work["process"], work["parameters"] or {})
    finally:
        database.dispose()
    return computed_operators(plan), work["cubes"]


def allow_open_files() -> None:
    """Let this process open as many files as the system grants: threads keep the datasets they read open."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
