"""`explain`: what a process would do."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from config.settings import Settings
from openeo_plugin.commands.error import CommandError


def explain(settings: Settings, given: argparse.Namespace) -> int:
    """Print the plan of a process."""
    from openeo_plugin.backend import open_backend
    from openeo_plugin.engine.explain import as_text, explanation

    backend = open_backend(settings)
    if given.user and backend.users.get(given.user) is None:
        raise CommandError(f"there is no user '{given.user}'.")
    plan = backend.driver.plan(_process(given.file), given.user)
    explained = explanation(plan, settings.threads, settings.memory_budget)
    print(json.dumps(explained, indent=1) if given.json else as_text(explained))
    return 0


def _process(file: Path) -> Any:
    """The process of a file, which may hold a request for a job, a process or a bare process graph."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CommandError(f"{file} is no JSON: {error}") from None
    if isinstance(document, dict) and isinstance(document.get("process"), dict):
        document = document["process"]
    if isinstance(document, dict) and "process_graph" not in document:
        document = {"process_graph": document}
    return document
