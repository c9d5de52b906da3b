"""`demo`: from an empty folder to a published map."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from config.settings import Settings
from openeo_plugin.auth.basic import DEMO_NAME, DEMO_PASSWORD
from openeo_plugin.commands.catalogue import import_folder_into
from openeo_plugin.commands.error import CommandError
from openeo_plugin.commands.serve import listen

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart.py"
START_TIMEOUT_S = 90


def demo(settings: Settings, given: argparse.Namespace) -> int:
    """Import a collection, start the server, run the quickstart, keep serving."""
    if not settings.is_loopback:
        raise CommandError("the demo runs on this machine only: use --host 127.0.0.1.")
    listen(settings.host, settings.port).close()
    _prepare(settings, given.collections)
    command = [sys.executable, "-m", "openeo_plugin.cli", "serve", *_flags(settings, given)]
    signal.signal(signal.SIGTERM, _end)
    server = subprocess.Popen(command, start_new_session=True)  # noqa: S603 - our own command
    try:
        _wait_until_ready(settings, server)
        status = _quickstart(settings)
        if status != 0:
            print("The quickstart failed; see above.", file=sys.stderr)
        if given.once or status != 0:
            return status
        print(f"\nServing on {settings.public_base} - press Ctrl-C to stop.", flush=True)
        return server.wait()
    finally:
        _stop(server)


def _prepare(settings: Settings, folder: Path | None) -> None:
    from openeo_plugin.backend import open_backend
    from openeo_plugin.sources.synthetic import make_collection

    if folder is not None and not folder.is_dir():
        raise CommandError(f"COLLECTIONS={folder}: there is no such folder.")
    backend = open_backend(settings)
    if folder is None:
        print("Making a small collection, synthetic and labelled so ...", flush=True)
        made = settings.data_dir / "synthetic"
        if made.exists():
            shutil.rmtree(made)
        folder = make_collection(made).parent
    import_folder_into(backend.collections, folder)
    backend.auth.basic.ensure_demo_user()
    backend.database.dispose()


def _flags(settings: Settings, given: argparse.Namespace) -> list[str]:
    flags = ["--host", settings.host, "--port", str(settings.port), "--data-dir", str(settings.data_dir)]
    if given.config is not None:
        flags += ["--config", str(given.config)]
    if given.database_url is not None:
        flags += ["--database-url", given.database_url]
    return flags


def _wait_until_ready(settings: Settings, server: subprocess.Popen[bytes]) -> None:
    address = f"http://{settings.host}:{settings.port}/.well-known/openeo"
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise CommandError(f"the server ended with status {server.returncode}; see above.")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise CommandError(f"the server did not answer within {START_TIMEOUT_S} s.")


def _quickstart(settings: Settings) -> int:
    if not QUICKSTART.is_file():
        print("examples/quickstart.py is not part of this installation; it is skipped.")
        return 0
    environment = {
        **os.environ,
        "OPENEO_URL": settings.public_base,
        "OPENEO_USER": DEMO_NAME,
        "OPENEO_PASSWORD": DEMO_PASSWORD,
        "OUTPUT": str(settings.data_dir / "quickstart"),
    }
    return subprocess.run([sys.executable, str(QUICKSTART)], env=environment, check=False).returncode  # noqa: S603


def _end(number: int, frame: object) -> None:
    """Whoever ends the demo ends its server."""
    raise SystemExit(128 + number)


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is not None:
        return
    server.send_signal(signal.SIGINT)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
