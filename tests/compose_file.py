"""docker-compose.yml for tests: its commands as they are run without a container, its host names on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]


def services() -> dict[str, dict[str, Any]]:
    """The services as they are written; variables are not filled in."""
    found: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


def here(text: str, scheduler_port: int) -> str:
    """An address of the Dask scheduler on this machine."""
    return text.replace("dask-scheduler", "127.0.0.1").replace("8786", str(scheduler_port))


def command(service: dict[str, Any], scheduler_port: int) -> list[str]:
    """By the entry point of the image, or by a program of this environment that the service names instead."""
    arguments = [here(argument, scheduler_port) for argument in service["command"]]
    program = service.get("entrypoint")
    if program is None:
        return [sys.executable, "-m", "openeo_plugin.cli", *arguments]
    local = ["--host", "127.0.0.1"] if program[0] == "dask" else []
    return [str(Path(sys.executable).with_name(program[0])), *program[1:], *arguments, *local]
