"""Transformations between reference systems, kept per thread: making one takes some 20 ms, using it microseconds."""

from __future__ import annotations

import functools
import threading
from typing import Any

from pyproj import CRS, Transformer

from openeo_plugin.errors import OpenEOError

_LOCAL = threading.local()


def transformer(source: Any, target: Any) -> Transformer:
    """From one CRS to another, x before y on both sides. Not to be handed to other threads.

    Raises: IncompatibleDataCubes if one of them is None.
    """
    if source is None or target is None:
        raise OpenEOError("IncompatibleDataCubes", reason="x and y of one of them have no reference system.")
    cache: dict[tuple[str, str], Transformer] = _LOCAL.__dict__.setdefault("transformers", {})
    key = (str(source), str(target))
    found = cache.get(key)
    if found is None:
        if len(cache) > 256:
            cache.clear()
        found = cache[key] = Transformer.from_crs(*key, always_xy=True)
    return found


@functools.lru_cache(maxsize=512)
def same_crs(first: str, second: str) -> bool:
    """Whether two names are of one reference system."""
    return first == second or CRS.from_user_input(first) == CRS.from_user_input(second)
