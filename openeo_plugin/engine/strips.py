"""What a run and the workers of a cluster hand each other: strips of work, and their outcome in a shared folder."""

from __future__ import annotations

import os
import pickle
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openeo_plugin.cube.grid import Window
from openeo_plugin.engine.barrier import Barrier, barriers_below, partial_of
from openeo_plugin.engine.kept_windows import write_blocks
from openeo_plugin.engine.operator import Operator, RunContext
from openeo_plugin.engine.window import compute_window, window_key


@dataclass(frozen=True)
class WindowStrip:
    """Windows of the cubes on one grid, as (y, x, height, width); the rest is as in `AheadWork`."""

    group: int
    places: tuple[int, ...]
    part_px: tuple[int, int]
    windows: tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True)
class FoldStrip:
    """Windows of a barrier, by their places; `number` is as in `FoldWork`."""

    number: int
    windows: tuple[int, ...]


Strip = WindowStrip | FoldStrip


@dataclass(frozen=True)
class Outcome:
    """What became of a strip: what it gives lies in the folder, but for windows that were left to the run.

    fault: code, node and message of an OpenEOError. left: why windows were left, for the log.
    """

    bytes_read: int = 0
    cpu_s: float = 0.0
    fault: tuple[str, str | None, str] | None = None
    left: str | None = None


StripTask = Callable[[str, Strip], Outcome]
"""Computes a strip into a folder, in a worker process. It must be importable there."""


def compute_strip(
    operators: Sequence[Operator], strip: Strip, folder: Path, context: RunContext, is_wanted: Callable[[], bool]
) -> None:
    """Compute what a strip asks for into the folder, but for what is there already. Stops when it is not wanted.

    operators: all cubes of the run. Raises: OpenEOError with the node at fault; OSError if the folder is gone.
    """
    barriers = barriers_below(operators)
    for number, barrier in enumerate(barriers):
        if not barrier.state.done:
            found = _read(folder / fold_file(number))
            if found is not None:
                barrier.state.put(found[0])
    if isinstance(strip, FoldStrip):
        _fold(barriers[strip.number], strip, folder, context, is_wanted)
    else:
        _windows([operators[place] for place in strip.places], strip, folder, context, is_wanted)


def _windows(
    operators: Sequence[Operator],
    strip: WindowStrip,
    folder: Path,
    context: RunContext,
    is_wanted: Callable[[], bool],
) -> None:
    for place in strip.windows:
        if not is_wanted():
            return
        window = Window(operators[0].description.grid, *place)
        key = window_key(strip.group, window)
        if not (folder / f"{key}.npz").exists():
            write_blocks(folder, key, compute_window(operators, window, strip.part_px, context))


def _fold(barrier: Barrier, strip: FoldStrip, folder: Path, context: RunContext, is_wanted: Callable[[], bool]) -> None:
    requests = barrier.fold_requests()
    for place in strip.windows:
        if not is_wanted():
            return
        file = folder / partial_file(strip.number, place)
        if not file.exists():
            _write(file, partial_of(barrier, requests[place], context))


def fold_file(number: int) -> str:
    """Where the outcome of a barrier lies."""
    return f"fold-{number}.pickle"


def partial_file(number: int, place: int) -> str:
    """Where the partial of a window of a barrier lies."""
    return f"partial-{number}-{place}.pickle"


def take_partial(folder: Path, number: int, place: int) -> Any | None:
    """A partial, whose file goes; None if there is none, or if it can't be read."""
    file = folder / partial_file(number, place)
    found = _read(file)
    file.unlink(missing_ok=True)
    return None if found is None else found[0]


def put_fold(folder: Path, number: int, value: Any) -> None:
    """Tell the workers what a barrier has come to.

    Raises: OSError, PicklingError.
    """
    _write(folder / fold_file(number), value)


def _read(file: Path) -> tuple[Any] | None:
    """Only the run and its workers write to the folder, and Dask has them trust each other with pickles anyway."""
    try:
        return (pickle.loads(file.read_bytes()),)  # noqa: S301 - see above
    except (OSError, EOFError, pickle.UnpicklingError):
        return None


def _write(file: Path, value: Any) -> None:
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_bytes(pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL))
        os.replace(part, file)  # noqa: PTH105 - atomic, whoever reads meanwhile
    except OSError:
        part.unlink(missing_ok=True)
        raise
