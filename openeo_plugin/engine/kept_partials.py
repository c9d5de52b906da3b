"""What a fold has of its windows, on disk: a job whose worker died goes on with the windows that are missing.

Partials are small and many, so those that came since the last time are put aside together, every few seconds. They come
back bit by bit as they were, and are combined in the order of the windows: the fold is the same as without a crash.
"""

from __future__ import annotations

import dataclasses
import json
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from openeo_plugin.cube.pixels import Mask, Pixels
from openeo_plugin.engine.operator import Request, WindowKeep

EVERY_S = 5.0
_LENGTH = struct.Struct("<Q")
_KNOWN: tuple[type, ...] = (Pixels, Mask)


@dataclass
class KeptPartials:
    """The partials of one barrier. Safe to use from many threads.

    Args:
        number: of the barrier among those of the run.
        requests: its windows.
        types: dataclasses that partials are made of, beside arrays, numbers, texts, tuples, lists and dicts.
    """

    keep: WindowKeep
    number: int
    requests: Sequence[Request]
    types: tuple[type, ...] = ()
    _waiting: dict[int, Any] = field(default_factory=dict)
    _batches: int = 0
    _written: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self) -> dict[int, Any]:
        """Partials by the place of their window."""
        found: dict[int, Any] = {}
        for data in self.keep.set_aside(self._prefix):
            self._batches += 1
            try:
                found |= unpacked(data, self.types, self.requests)
            except (ValueError, KeyError, IndexError, TypeError, struct.error):
                continue  # a batch of another version of this software, or a damaged one
        self.keep.reused += len(found)
        return found

    def add(self, place: int, partial: Any) -> None:
        """One more; kept soon."""
        with self._lock:
            self._waiting[place] = partial
            if self.keep.is_worth_it and time.monotonic() - self._written >= EVERY_S:
                self._write()

    def close(self) -> None:
        """Keep the rest, if it is worth it."""
        with self._lock:
            if self._waiting and self.keep.is_worth_it:
                self._write()

    @property
    def _prefix(self) -> str:
        return f"fold-{self.number}-"

    def _write(self) -> None:
        waiting, self._waiting, self._written = self._waiting, {}, time.monotonic()
        try:
            data = packed(waiting, self.types)
        except TypeError:
            return  # a partial of a kind that is not known here: it is computed again after a crash
        self.keep.put_aside(f"{self._prefix}{self._batches:06d}", data)
        self._batches += 1


def packed(partials: dict[int, Any], types: Sequence[type] = ()) -> bytes:
    """Partials by place as bytes: JSON that tells their structure, and behind it their arrays.

    Raises: TypeError for what has no plain form.
    """
    arrays: list[np.ndarray[Any, Any]] = []
    names = {kind: kind.__name__ for kind in (*_KNOWN, *types)}
    tree = [[place, _plain(partial, arrays, names)] for place, partial in partials.items()]
    head = json.dumps({"tree": tree, "arrays": [[array.dtype.str, array.shape] for array in arrays]}).encode()
    return b"".join([_LENGTH.pack(len(head)), head, *(np.ascontiguousarray(array).tobytes() for array in arrays)])


def unpacked(data: bytes, types: Sequence[type], requests: Sequence[Request]) -> dict[int, Any]:
    """The partials of `packed`.

    Raises: ValueError, KeyError, IndexError, TypeError, struct.error for anything else.
    """
    (length,) = _LENGTH.unpack_from(data)
    offset = _LENGTH.size + length
    head = json.loads(data[_LENGTH.size : offset])
    arrays = []
    for name, shape in head["arrays"]:
        dtype = np.dtype(name)
        count = int(np.prod(shape, dtype=np.int64))
        arrays.append(np.frombuffer(data, dtype, count, offset).reshape(shape).copy())
        offset += count * dtype.itemsize
    kinds = {kind.__name__: kind for kind in (*_KNOWN, *types)}
    if any(not 0 <= place < len(requests) for place, _ in head["tree"]):
        raise IndexError("there are not so many windows")
    return {place: _Reader(arrays, kinds, requests[place]).value(tree) for place, tree in head["tree"]}


def _plain(value: Any, arrays: list[np.ndarray[Any, Any]], names: dict[type, str]) -> Any:
    """JSON in which everything but null, booleans, texts and lists is an object with one key that tells its kind."""

    def inner(part: Any) -> Any:
        return _plain(part, arrays, names)

    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.hasobject or array.dtype.names:
            raise TypeError(f"an array of {array.dtype} has no plain form")
        arrays.append(array)
        return {"array" if isinstance(value, np.ndarray) else "scalar": len(arrays) - 1}
    if isinstance(value, int | float):
        return {"int": str(value)} if isinstance(value, int) else {"float": value.hex()}
    if isinstance(value, Request):
        return {"request": None}
    if isinstance(value, list):
        return [inner(part) for part in value]
    if type(value) is tuple:
        return {"tuple": [inner(part) for part in value]}
    if isinstance(value, dict):
        return {"dict": [[inner(key), inner(part)] for key, part in value.items()]}
    if type(value) in names:
        fields = [inner(getattr(value, own.name)) for own in dataclasses.fields(value)]
        return {names[type(value)]: fields}
    raise TypeError(f"{type(value).__name__} has no plain form")


@dataclass(frozen=True)
class _Reader:
    arrays: list[np.ndarray[Any, Any]]
    kinds: dict[str, type]
    request: Request

    def value(self, plain: Any) -> Any:
        if isinstance(plain, list):
            return [self.value(part) for part in plain]
        if not isinstance(plain, dict):
            return plain
        ((kind, content),) = plain.items()
        match kind:
            case "array":
                return self.arrays[content]
            case "scalar":
                return self.arrays[content][()]
            case "int":
                return int(content)
            case "float":
                return float.fromhex(content)
            case "request":
                return self.request
            case "tuple":
                return tuple(self.value(part) for part in content)
            case "dict":
                return {self.value(key): self.value(part) for key, part in content}
        return self.kinds[kind](*(self.value(part) for part in content))
