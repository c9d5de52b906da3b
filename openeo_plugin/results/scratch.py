"""Folders for files that are gone when a request is answered, even if the server died meanwhile."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "result-"


def scratch_of(data_dir: Path) -> Path:
    """Where scratch folders lie."""
    return data_dir / "scratch"


@contextmanager
def scratch_folder(data_dir: Path) -> Iterator[Path]:
    """A folder that is gone afterwards, whatever happened; files opened in it can still be read."""
    parent = scratch_of(data_dir)
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(data_dir: Path, older_than_s: float) -> int:
    """Remove folders that requests of dead servers have left; how many.

    Younger ones may belong to a request that another process is answering.
    """
    before = time.time() - older_than_s
    left = [folder for folder in scratch_of(data_dir).glob(f"{PREFIX}*") if _changed(folder) < before]
    for folder in left:
        shutil.rmtree(folder, ignore_errors=True)
    return len(left)


def _changed(folder: Path) -> float:
    with contextlib.suppress(OSError):
        return folder.stat().st_mtime
    return time.time()
