"""What a search of a folder gives: collections and items as they were written, nothing of them checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class FoundItem:
    """A STAC item, or a like of it made from file names.

    Args:
        document: as read; any field may be missing or wrong.
        base: the folder against which its hrefs are resolved (those of an item from outside are absolute already).
        origin: path for messages, relative to the imported folder.
    """

    document: dict[str, Any]
    base: Path
    origin: str


@dataclass(frozen=True)
class FoundCollection:
    """A collection and its items.

    Args:
        document: as read, or made up; `id` is there.
        warnings: what had to be left out on the way.
    """

    document: dict[str, Any]
    items: tuple[FoundItem, ...]
    warnings: tuple[str, ...] = field(default=())
