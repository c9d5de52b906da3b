"""What tests of Dask share: a catalogue with drivers over it, and tasks that workers can import."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from config.settings import load_settings
from db.collections import CollectionStore
from db.processes import ProcessStore
from db.session import Database
from openeo_plugin.driver.cluster_task import compute_strip
from openeo_plugin.driver.windowed import WindowedDriver
from openeo_plugin.engine.cluster import Cluster, runs_for_somebody
from openeo_plugin.engine.operator import RunContext
from openeo_plugin.engine.strips import Outcome, Strip
from openeo_plugin.sources.importing import import_folder

BANDS = ("B02", "B03", "B04", "B08")


class Place:
    """A catalogue of 1100 x 1100 pixels and two dates, with a driver that uses threads and one that uses a cluster."""

    def __init__(self, folder: Path, cluster: Cluster | None = None) -> None:
        self.folder = folder
        self.threads = self.driver()
        self.cluster = self.driver(dask_address="local", dask_workers=2)
        if cluster is not None:
            self.cluster._cluster = cluster

    def take(self, scenes: Path, **more: Any) -> None:
        """Import a folder."""
        store = CollectionStore(Database(f"sqlite:///{self.folder / 'data' / 'openeo.sqlite'}"))
        for imported in import_folder(scenes, **more):
            store.put(imported.document, imported.items)

    def driver(self, **options: Any) -> WindowedDriver:
        # so little memory that windows have 512 pixels: nine of them
        settings = load_settings(data_dir=self.folder / "data", threads=1, memory_budget_bytes=2**24, **options)
        database = Database(settings.database)
        if not database.is_current():
            database.migrate()
        return WindowedDriver(settings, CollectionStore(database), ProcessStore(database))

    def run(
        self,
        driver: WindowedDriver,
        process: Any,
        name: str,
        on_progress: Any = lambda _: None,
        context: RunContext | None = None,
    ) -> Path:
        folder, context = self.folder / name, context or RunContext()
        folder.mkdir()
        (asset,) = driver.run(driver.plan(process, None), folder, on_progress, context)
        assert context.bytes_read > 0
        return asset.path

    @property
    def windows(self) -> list[Path]:
        return list((self.folder / "data" / "windows").rglob("*"))


def told(messages: list[tuple[str, str]]) -> RunContext:
    """A context that collects what the owner of a run is told."""
    return RunContext(tell=lambda level, message: messages.append((level, message)))


def endless(diary: str) -> None:
    """A task of very many windows, which writes down how many it has done, and at last that it stopped."""
    count = 0
    while runs_for_somebody():
        count += 1
        Path(diary).write_text(str(count))
        time.sleep(0.02)
    Path(diary).write_text("stopped")


def dying_once(folder: str, strip: Strip) -> Outcome:
    """Computes a strip; but the first that ever comes ends its worker, as if it had been killed."""
    mark = Path(folder).parent / "has-died"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return compute_strip(folder, strip)


def dying(folder: str, strip: Strip) -> Outcome:
    """Ends its worker."""
    os.kill(os.getpid(), signal.SIGKILL)
    return Outcome()
