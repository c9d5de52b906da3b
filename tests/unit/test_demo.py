"""The demo and the server that it starts."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from config.settings import Settings

demo = importlib.import_module("openeo_plugin.commands.demo")  # the package shows the function under this name

GIVEN = Namespace(collections=None, config=None, database_url=None, once=True)


def test_a_terminated_demo_leaves_no_server_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    monkeypatch.setattr(demo, "_prepare", lambda *_: None)
    monkeypatch.setattr(demo, "_wait_until_ready", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: server)
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit):
            demo.demo(Settings(data_dir=tmp_path, port=0), GIVEN)
        assert server.poll() is not None
    finally:
        signal.signal(signal.SIGTERM, before)
        server.kill()
