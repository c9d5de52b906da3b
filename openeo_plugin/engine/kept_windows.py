"""Computed windows on disk: a job whose worker died goes on where it was, one that ends early leaves what it has.

Independent of the file format: what is kept are the pixels that a writer is given. A run starts to keep windows only
after a while, as keeping costs a write of the uncompressed result; a short job does better to start again.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from openeo_plugin.cube.grid import Grid, Window
from openeo_plugin.cube.pixels import Block, Mask, Pixels

_PLAN = ".plan"
_ASIDE = ".aside"
_KEY = re.compile(r"(\d+)-(\d+)-(\d+)-(\d+)-(\d+)\.npz")
_SHARE_OF_FREE_DISK = 4


@dataclass
class KeptWindows:
    """The windows of one job in a folder. Safe to use from many threads, each with keys of its own.

    Args:
        folder: created with the first window that is kept.
        after_s: windows computed in the first seconds of a run are not kept.
        max_bytes: no more is kept once the folder holds so much; nor more than a quarter of what was free on the disk.
        plan: tells what is computed; windows of another plan are of no use to this one.
    """

    folder: Path
    after_s: float = 20.0
    max_bytes: int = 64 << 30
    reused: int = 0
    plan: str = ""
    _held_bytes: int = 0
    _started: float = field(default_factory=time.monotonic)

    def belong_to(self, plan: str) -> None:
        """Say what is computed, before the first window. What is here of another plan goes."""
        self.plan = plan
        if self.folder.exists() and not is_of_plan(self.folder, plan):
            shutil.rmtree(self.folder, ignore_errors=True)
        self._held_bytes = sum(file.stat().st_size for file in self.folder.glob("*") if file.is_file())
        parent = next((folder for folder in self.folder.parents if folder.exists()), None)
        if parent is not None:
            self.max_bytes = min(
                self.max_bytes, self._held_bytes + shutil.disk_usage(parent).free // _SHARE_OF_FREE_DISK
            )

    def keep_from_now_on(self) -> None:
        """Keep every window, however short the run has been."""
        self.after_s = 0.0

    @property
    def is_worth_it(self) -> bool:
        """Whether windows are kept by now."""
        return not self.is_full and time.monotonic() - self._started >= self.after_s

    @property
    def is_full(self) -> bool:
        """Whether no more windows are kept."""
        return self._held_bytes >= self.max_bytes

    def has(self, key: str) -> bool:
        """Whether the blocks of a window are here."""
        return (self.folder / f"{key}.npz").exists()

    def load(self, key: str) -> list[Block] | None:
        """The blocks of a window; None if they were not kept or can't be read."""
        blocks = read_blocks(self.folder, key)
        self.reused += blocks is not None
        return blocks

    def store(self, key: str, blocks: list[Block]) -> None:
        """Keep the blocks of a window, if it is worth it. If the disk is full, nothing more is kept."""
        if not self.is_worth_it:
            return
        try:
            self._open()
            self._held_bytes += write_blocks(self.folder, key, blocks)
        except OSError:
            self._held_bytes = self.max_bytes

    def put_aside(self, name: str, data: bytes) -> None:
        """Keep bytes, such as what a fold has of its windows. If the disk is full, nothing more is kept."""
        if not self.is_worth_it:
            return
        part = self.folder / f".{name}.{secrets.token_hex(4)}.part"
        try:
            self._open()
            part.write_bytes(data)
            part.replace(self.folder / f"{name}{_ASIDE}")
            self._held_bytes += len(data)
        except OSError:
            part.unlink(missing_ok=True)
            self._held_bytes = self.max_bytes

    def set_aside(self, prefix: str) -> Iterator[bytes]:
        """What `put_aside` has kept under such names, in their order."""
        for file in sorted(self.folder.glob(f"{prefix}*{_ASIDE}")):
            with contextlib.suppress(OSError):
                yield file.read_bytes()

    def _open(self) -> None:
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / _PLAN).write_text(self.plan)


@dataclass(frozen=True)
class KeptPlace:
    """A window that is kept: which pixels of which group of cubes on one grid."""

    group: int
    y: int
    x: int
    height: int
    width: int

    @property
    def key(self) -> str:
        """As `window_key`."""
        return f"{self.group}-{self.y}-{self.x}-{self.height}-{self.width}"

    def window(self, grid: Grid) -> Window:
        """On the grid of the group."""
        return Window(grid, self.y, self.x, self.height, self.width)


def kept_places(folder: Path) -> list[KeptPlace]:
    """The windows that are kept in a folder, in order."""
    names = sorted(file.name for file in folder.glob("*.npz"))
    found = (_KEY.fullmatch(name) for name in names)
    places = [KeptPlace(*map(int, match.groups())) for match in found if match]
    return sorted(places, key=lambda place: (place.group, place.y, place.x, -place.height, -place.width))


def is_of_plan(folder: Path, plan: str) -> bool:
    """Whether the windows in a folder were computed by this plan."""
    try:
        return (folder / _PLAN).read_text() == plan
    except OSError:
        return False


def read_blocks(folder: Path, key: str) -> list[Block] | None:
    """The blocks that `write_blocks` has stored; None if there are none, or if they can't be read."""
    file = folder / f"{key}.npz"
    if not file.exists():
        return None
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return _blocks(arrays)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def write_blocks(folder: Path, key: str, blocks: list[Block]) -> int:
    """Store blocks in a folder, whole or not at all; gives the bytes of their arrays.

    Raises: OSError, such as FileNotFoundError if the folder is gone.
    """
    arrays = _arrays(blocks)
    part = folder / f".{key}.{secrets.token_hex(4)}.part"
    try:
        with part.open("wb") as file:
            np.savez(file, **arrays)
        os.replace(part, folder / f"{key}.npz")  # noqa: PTH105 - atomic, whoever reads meanwhile
    except OSError:
        part.unlink(missing_ok=True)
        raise
    return sum(array.nbytes for array in arrays.values())


def _arrays(blocks: list[Block]) -> dict[str, Any]:
    arrays: dict[str, Any] = {"bands": np.array([len(block.bands) for block in blocks])}
    for number, pixels in enumerate(band.plain() for block in blocks for band in block.bands):
        arrays[f"values{number}"] = pixels.values
        arrays[f"marks{number}"] = np.array([pixels.nan_marks])
        if pixels.nodata is not None:
            arrays[f"nodata{number}"] = np.array(pixels.nodata)
        if pixels.mask is not None:
            arrays[f"null{number}"] = pixels.mask.flags()
    return arrays


def _blocks(arrays: Any) -> list[Block]:
    bands: list[Pixels] = []
    counts = [int(count) for count in arrays["bands"]]
    for number in range(sum(counts)):
        nodata = arrays[f"nodata{number}"].item() if f"nodata{number}" in arrays else None
        flags = arrays.get(f"null{number}")
        marks = bool(arrays[f"marks{number}"][0])
        mask = None if flags is None else Mask(flags)
        bands.append(Pixels(arrays[f"values{number}"], nodata, mask, nan_marks=marks))
    return [Block(tuple(bands[a:b])) for a, b in pairwise([0, *accumulate(counts)])]
