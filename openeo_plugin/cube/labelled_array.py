"""A list whose elements have labels: what JSON has no word for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from openeo_plugin.cube.dimensions import Label


class LabelledArray(list[Any]):
    """A list with one label per element. Compares as a list; slices and copies lose the labels."""

    def __init__(self, values: Iterable[Any], labels: Iterable[Label]) -> None:
        super().__init__(values)
        self.labels: tuple[Label, ...] = tuple(labels)
        if len(self.labels) != len(self):
            raise ValueError(f"{len(self)} values, but {len(self.labels)} labels")

    def __repr__(self) -> str:
        return f"LabelledArray({list(self)!r}, {list(self.labels)!r})"
