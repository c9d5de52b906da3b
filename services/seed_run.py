"""Carrying out an order to make tiles of a service: with its log, its progress in the ledger, and a way to stop it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from openeo_plugin.engine.operator import Canceled, RunContext
from openeo_plugin.errors import OpenEOError
from services.access import OpenServices
from services.kept_tiles import kept_tiles_of
from services.seed_ledger import SeedLedger, SeedStatus
from services.seed_order import SeedOrder
from services.seeding import SeedProgress, seed, tiles_of

if TYPE_CHECKING:
    from config.settings import Settings
    from openeo_plugin.backend import Backend

LOOK_EVERY_S = 1.0
LOG_EVERY_S = 30.0
FOLDER = "seeding"


def ledger_of(settings: Settings) -> SeedLedger:
    """Where the processes of an instance put down how orders stand."""
    return SeedLedger(settings.data_dir / FOLDER)


class SeedRun:
    """One order for one service; whoever runs it holds it in the ledger.

    Args:
        stop: set by the caller to end it.
        threads: that compute.
    """

    def __init__(
        self, backend: Backend, service_id: str, order: SeedOrder, stop: threading.Event, threads: int = 1
    ) -> None:
        self._backend = backend
        self._id = service_id
        self._order = order
        self._stop = stop
        self._context = RunContext()
        self._threads = threads
        self._ledger = ledger_of(backend.settings)
        self._services = OpenServices(backend, kept_tiles_of(backend.settings))
        self._stamp = ""
        self._reason = "It was stopped."
        self._looked_s = self._logged_s = time.monotonic()

    def run(self, status: SeedStatus, tell: Callable[[SeedStatus], None] = lambda _: None) -> SeedStatus:
        """Carry the order out.

        Args:
            status: as it stands.
            tell: is told of the progress, in this thread.
        Returns: how it ended; errors and stops stand in it and in the log of the service.
        """
        self._status, over = status, threading.Event()
        threading.Thread(target=self._watch, args=(over,), name="seeding-watch", daemon=True).start()
        try:
            return self._run(tell)
        finally:
            over.set()

    def _watch(self, over: threading.Event) -> None:
        """Stop in the middle of a tile, if need be."""
        while not over.wait(LOOK_EVERY_S / 2):
            if self._stop.is_set() or self._ledger.asked_to_stop(self._id):
                self._context.cancel.set()
                return

    def _run(self, tell: Callable[[SeedStatus], None]) -> SeedStatus:
        try:
            opened = self._services.open_now(self._id)
            self._stamp = opened.stamp
            settings = self._backend.settings
            tiles = tiles_of(opened.served, self._order, settings.tile_max_zoom, settings.seed_tiles_max)
            self._log("info", f"{len(tiles)} tiles are to be made ahead.")
            progress = seed(opened.served, tiles, lambda now: self._note(now, tell), self._context, self._threads)
            return self._ended("finished", self._told(progress), "info")
        except Canceled:
            return self._ended("canceled", self._reason, "warning")
        except OpenEOError as error:
            return self._ended("error", error.message, "error")
        except Exception:
            self._ended("error", OpenEOError("Internal").message, "error")
            raise

    def _note(self, progress: SeedProgress, tell: Callable[[SeedStatus], None]) -> None:
        """Now and then put the progress down and look whether the service is what it was."""
        self._status = replace(
            self._status,
            status="running",
            total=progress.total,
            made=progress.made,
            kept=progress.kept,
            failed=progress.failed,
            size_bytes=progress.size_bytes,
        )
        tell(self._status)
        now = time.monotonic()
        if progress.done and now - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = now
        self._ledger.write(self._id, self._status)
        self._look()
        if now - self._logged_s >= LOG_EVERY_S:
            self._logged_s = now
            self._log("info", f"{progress.percent:.0f} % of the tiles are there.")

    def _look(self) -> None:
        """Stop if the service has changed."""
        try:
            fresh = self._services.open_now(self._id).stamp == self._stamp
        except OpenEOError:
            fresh = False
        if not fresh:
            self._reason = "The service or its data has changed; give the order again."
            self._context.cancel.set()

    def _ended(self, status: str, message: str, level: str) -> SeedStatus:
        is_there = self._log(level, f"Making tiles ahead: {status}. {message}")
        ended = self._ledger.write(self._id, replace(self._status, status=status, message=message))
        if not is_there:
            self._forget()
        return ended

    def _forget(self) -> None:
        """The service was deleted while tiles of it were made."""
        self._ledger.forget(self._id)
        tiles = kept_tiles_of(self._backend.settings)
        if tiles is not None:
            tiles.forget(self._id)

    def _log(self, level: str, message: str) -> bool:
        """Returns: False if the service is gone."""
        return self._backend.services.log(self._id, level, message, code="Seeding")

    @staticmethod
    def _told(progress: SeedProgress) -> str:
        failed = f" {progress.failed} failed, the first with: {progress.fault}" if progress.failed else ""
        return f"{progress.made} tiles were made, {progress.kept} were there.{failed}"
