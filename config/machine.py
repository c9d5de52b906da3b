"""What this machine grants us: cores and memory, with the limits of a container."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def available_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def quarter_of_memory_bytes() -> int:
    """A quarter of the memory of the machine, or of the container if that has a limit."""
    return memory_bytes() // 4


def memory_bytes(limit_file: Path = _CGROUP_LIMIT) -> int:
    """The memory that this process may use."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = limit_file.read_text().strip()
    except OSError:
        return physical
    return min(physical, int(limit)) if limit.isdigit() else physical
