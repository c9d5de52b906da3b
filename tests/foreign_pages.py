"""A server of another origin in a thread: pages of somebody else's web site that use this back-end."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from services.viewer.page import static_files

PAGES = Path(__file__).parent / "pages"
NODE_MODULES = Path(
    os.environ.get("OPENEO_TEST_NODE_MODULES") or Path(__file__).parents[1] / "build" / "node" / "node_modules"
)
LIBRARIES = {
    "openlayers": static_files()["ol.js"].parent,
    "leaflet": NODE_MODULES / "leaflet" / "dist",
    "maplibre": NODE_MODULES / "maplibre-gl" / "dist",
    "geotiff": NODE_MODULES / "geotiff" / "dist-browser",
}


def missing_library(name: str) -> str | None:
    """Why a library can't be tested; None if it is there."""
    if LIBRARIES[name].is_dir():
        return None
    return f"Maps with {name} are not tested: there is no {LIBRARIES[name]}; tools/install_real_parts installs it"


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, folders: Mapping[str, Path], *given: Any) -> None:
        self._folders = folders
        super().__init__(*given)

    def translate_path(self, path: str) -> str:
        first, _, rest = path.split("?", maxsplit=1)[0].lstrip("/").partition("/")
        return str(self._folders.get(first, PAGES / "none") / rest)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def foreign_site() -> Iterator[str]:
    """The address of a site with `/pages/...` and the libraries, each in a folder of its name."""
    folders = {"pages": PAGES, **LIBRARIES}
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, folders))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
