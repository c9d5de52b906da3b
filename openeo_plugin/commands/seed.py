"""`seed`: tiles of a service made before anybody asks for them."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from config.settings import Settings
from openeo_plugin.commands.error import CommandError

if TYPE_CHECKING:
    from services.seed_ledger import SeedStatus

_ZOOM = re.compile(r"(\d{1,2})(?:-(\d{1,2}))?")


def seed(settings: Settings, given: argparse.Namespace) -> int:
    """Make the tiles of a service that are not kept yet. Status 1 if they were not all made."""
    from openeo_plugin.backend import open_backend
    from services.seed_ledger import new_status
    from services.seed_order import order_of
    from services.seed_run import SeedRun, ledger_of

    backend = open_backend(settings)
    service = backend.services.find(given.service)
    order = order_of(_order(given))
    ledger, stop, bar = ledger_of(settings), threading.Event(), ProgressBar()
    with ledger.held(service.id):
        run = SeedRun(backend, service.id, order, stop, settings.threads)
        status = _until_interrupted(run, ledger.write(service.id, new_status(order)), stop, bar)
    bar.end()
    print(f"{status.status}: {status.message}")
    return 0 if status.status == "finished" and not status.failed else 1


def _until_interrupted(run: Any, status: SeedStatus, stop: threading.Event, bar: ProgressBar) -> SeedStatus:
    """The end of a run; Ctrl-C stops it, and it puts down how far it got."""
    ended: list[SeedStatus] = []
    worker = threading.Thread(target=lambda: ended.append(run.run(status, bar.show)), name="seeding")
    worker.start()
    while worker.is_alive():
        try:
            worker.join(1)
        except KeyboardInterrupt:
            stop.set()
    if not ended:
        raise CommandError("the tiles can't be made; see the log")
    return ended[0]


def _order(given: argparse.Namespace) -> dict[str, Any]:
    return {
        "zoom": _levels(given.zoom),
        "bbox": given.bbox,
        "dates": "all" if given.all_dates else given.date,
        "tile_matrix_set": given.tile_matrix_set,
        "format": given.format,
    }


def _levels(text: str | None) -> list[int] | None:
    if text is None:
        return None
    found = _ZOOM.fullmatch(text)
    if found is None:
        raise CommandError("--zoom is a level, or two with a dash between them, such as 8-12.")
    return [int(found[1]), int(found[2] or found[1])]


class ProgressBar:
    """A line at the foot of a terminal; elsewhere a line every ten percent."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._first: int | None = None
        self._told = -1

    def show(self, status: SeedStatus) -> None:
        """Show how far it is."""
        done = status.made + status.kept + status.failed
        share = done / status.total if status.total else 1.0
        left = self._left(status.made, done, status.total)
        text = f"{share:4.0%}  {done} of {status.total} tiles, {status.made} made{left}"
        if not sys.stderr.isatty():
            if int(share * 10) > self._told:
                self._told = int(share * 10)
                print(text, file=sys.stderr)
            return
        width = max(10, min(40, shutil.get_terminal_size().columns - len(text) - 4))
        print(f"\r[{'#' * round(share * width):{width}}] {text}\033[K", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the line."""
        if sys.stderr.isatty():
            print(file=sys.stderr)

    def _left(self, made: int, done: int, total: int) -> str:
        """Time left, by what was made so far: tiles that are there cost nothing."""
        elapsed = time.monotonic() - self._began_s
        if made < 5 or elapsed < 2 or done >= total:
            return ""
        return f", at most {(total - done) * elapsed / made:.0f} s left"
