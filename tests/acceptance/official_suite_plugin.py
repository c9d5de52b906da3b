"""A plugin of pytest for the official openeo-test-suite: JSON schemas from a folder instead of the web.

OPENEO_TEST_SCHEMAS names the folder, which holds `<host>/<path>` for each schema. Runs in the suite's own environment,
hence imports nothing of this project.
"""

from __future__ import annotations

import io
import os
import urllib.request
from pathlib import Path
from typing import Any


def pytest_configure() -> None:
    folder = Path(os.environ["OPENEO_TEST_SCHEMAS"]).resolve()
    import requests

    get, urlopen = requests.get, urllib.request.urlopen

    def kept(url: str) -> bytes | None:
        file = (folder / url.partition("://")[2].partition("#")[0]).resolve()
        return file.read_bytes() if file.is_relative_to(folder) and file.is_file() else None

    def from_folder(url: str, *arguments: Any, **options: Any) -> requests.Response:
        body = kept(url)
        if body is None:
            return get(url, *arguments, **options)
        answer = requests.Response()
        answer.status_code, answer.url, answer._content = 200, url, body
        return answer

    def opened(asked: Any, *arguments: Any, **options: Any) -> Any:
        body = kept(asked if isinstance(asked, str) else asked.full_url)
        return urlopen(asked, *arguments, **options) if body is None else io.BytesIO(body)

    requests.get = from_folder
    urllib.request.urlopen = opened  # `$ref` of jsonschema
