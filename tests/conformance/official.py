"""Where the official process definitions and their cases lie: `OPENEO_SHARED`, by default `../shared`."""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any

import json5
import pytest

ROOT = Path(__file__).resolve().parents[2]


def folder() -> Path:
    """The folder with one JSON file for each process."""
    shared = Path(os.environ.get("OPENEO_SHARED", ROOT.parent / "shared"))
    return shared / "spec" / "processes"


def require() -> Path:
    """The folder; a test that needs it is skipped loudly if it is missing."""
    if not folder().is_dir():
        pytest.skip(f"the official processes are missing: {folder()} does not exist, set OPENEO_SHARED")
    return folder()


@functools.cache
def definitions() -> dict[str, dict[str, Any]]:
    """Every official definition by id, proposals included."""
    files = [*folder().glob("*.json"), *folder().glob("proposals/*.json")]
    found = [json.loads(file.read_text("utf-8")) for file in sorted(files)]
    return {d["id"]: d for d in found if "parameters" in d}


@functools.cache
def levels() -> dict[str, str]:
    """The profile level of every process."""
    rows = (folder().parent / "profiles" / "process-profiles.tsv").read_text("utf-8").splitlines()[1:]
    return {row.split("\t")[0]: row.split("\t")[1] for row in rows if row.strip()}


@functools.cache
def suite(process_id: str) -> dict[str, Any]:
    """The official cases of a process as they are written."""
    path = folder() / "tests" / f"{process_id}.json5"
    if not path.exists():
        return {"id": process_id, "tests": []}
    loaded: dict[str, Any] = json5.loads(path.read_text("utf-8"))
    return loaded


@functools.cache
def _asset(name: str) -> Any:
    path = folder() / "tests" / name
    text = path.read_text("utf-8")
    return json5.loads(text) if path.suffix in (".json", ".json5") else text


def resolved(value: Any) -> Any:
    """A part of a case with the files in it that it refers to.

    Raises: FileNotFoundError.
    """
    if isinstance(value, dict):
        return _asset(value["$ref"]) if "$ref" in value else {k: resolved(v) for k, v in value.items()}
    return [resolved(v) for v in value] if isinstance(value, list) else value
