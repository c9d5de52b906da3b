"""What one job may use, and how it is measured. A job over a limit ends with an error that names it and a way out."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from config.settings import Settings
from openeo_plugin.errors import OpenEOError


@dataclass(frozen=True)
class JobLimits:
    """None: no limit. `memory_bytes` counts what the processes of a job hold for themselves, mapped files left out."""

    time_s: float | None = None
    memory_bytes: int | None = None
    output_bytes: int | None = None

    def fault(self, elapsed_s: float, pid: int) -> OpenEOError | None:
        """The error of a job that runs as process `pid` for so long; None if it is within its limits."""
        if self.time_s is not None and elapsed_s > self.time_s:
            return _too_long(self.time_s)
        if self.memory_bytes is not None and memory_of_group(pid) > self.memory_bytes:
            return _too_large(self.memory_bytes)
        return None

    def check_output(self, size_bytes: int) -> None:
        """Raises: StorageQuotaExceeded."""
        if self.output_bytes is not None and size_bytes > self.output_bytes:
            raise OpenEOError(
                "StorageQuotaExceeded",
                message=f"The results take more than {_megabytes(self.output_bytes)}, the limit of one job. Ask for a "
                "smaller extent, fewer dates or bands, a coarser resolution or a smaller data type.",
            )


def limits_of(settings: Settings) -> JobLimits:
    """The limits of an instance."""
    return JobLimits(settings.job_time_max_s, settings.job_memory_limit, settings.job_output_max_bytes)


def memory_of_group(pid: int) -> int:
    """Bytes of memory that a process and its descendants hold for themselves; 0 where that can't be measured."""
    return sum(_private_bytes(member) for member in _family(pid))


def unfinished_bytes(folder: Path) -> int:
    """Bytes on disk of the files in a folder, with those that this process has open and that have no name."""
    named = (path.stat(follow_symlinks=False) for path in folder.rglob("*")) if folder.is_dir() else ()
    return sum(_on_disk(found) for found in (*named, *_nameless()))


def _on_disk(found: os.stat_result) -> int:
    return found.st_blocks * 512 if stat.S_ISREG(found.st_mode) else 0


def _nameless() -> Iterable[os.stat_result]:
    for descriptor in list(Path("/dev/fd").iterdir()):
        try:
            found = os.fstat(int(descriptor.name))
        except (OSError, ValueError):
            continue
        if found.st_nlink == 0:
            yield found


def _family(pid: int) -> list[int]:
    found, waiting = [], [pid]
    while waiting:
        member = waiting.pop()
        found.append(member)
        for file in Path(f"/proc/{member}/task").glob("*/children"):
            try:
                waiting += map(int, file.read_text().split())
            except OSError:
                continue
    return found


def _private_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("RssAnon:", "RssShmem:")))


def _too_long(limit_s: float) -> OpenEOError:
    reason = (
        f"it ran longer than {limit_s:g} s, the limit of one job. Ask for a smaller extent, fewer dates or a coarser "
        "resolution, or split it into several jobs."
    )
    return OpenEOError("ProcessGraphComplexity", reason=reason)


def _too_large(limit_bytes: int) -> OpenEOError:
    reason = (
        f"it needed more than {_megabytes(limit_bytes)} of memory, the limit of one job. Load fewer dates or bands, "
        "aggregate them earlier, or split the extent into several jobs."
    )
    return OpenEOError("ProcessGraphComplexity", reason=reason)


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.0f} MB" if size_bytes >= 1e6 else f"{size_bytes} bytes"
