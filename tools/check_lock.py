"""Holds requirements.lock against pyproject.toml, without asking any registry.

Every requirement must be pinned, with hashes, at a version it allows; nothing is pinned for a requirement that is gone.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
_PIN = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^ ;\\]+)")


def pins(lock: str) -> dict[str, tuple[str, str]]:
    """(version, the rest of the entry) of each package of a lock file, by name."""
    found: dict[str, tuple[str, str]] = {}
    for entry in re.split(r"\n(?=[A-Za-z0-9])", lock):
        pin = _PIN.match(entry)
        if pin:
            found[canonicalize_name(pin[1])] = (pin[2], entry[pin.end() :])
    return found


def wanted(pyproject: str) -> list[Requirement]:
    """All requirements of the project, those of its extras included."""
    project = tomllib.loads(pyproject)["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    return [Requirement(text) for texts in lists for text in texts]


def faults(pyproject: str, lock: str) -> list[str]:
    """What is wrong with a lock file, in sentences."""
    pinned, requirements = pins(lock), wanted(pyproject)
    found = []
    for requirement in requirements:
        version, _ = pinned.get(canonicalize_name(requirement.name), (None, ""))
        if version is None:
            found.append(f"{requirement} is not in the lock file")
        elif not requirement.specifier.contains(version, prereleases=True):
            found.append(f"{requirement} does not allow the pinned version {version}")
    names = {canonicalize_name(r.name) for r in requirements}
    for name, (_, entry) in pinned.items():
        if "--hash=sha256:" not in entry:
            found.append(f"{name} has no hash")
        if "pygeoapi-openeo (pyproject.toml)" in entry and name not in names:
            found.append(f"{name} is pinned for a requirement that is gone")
    return found


def main() -> int:
    """Status 1 if the lock file is out of date."""
    found = faults((ROOT / "pyproject.toml").read_text(), (ROOT / "requirements.lock").read_text())
    for fault in found:
        sys.stderr.write(f"requirements.lock: {fault}\n")
    if found:
        sys.stderr.write("`make lock` resolves it anew.\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
