"""A plugin of pytest for the official openeo-test-suite: signs in with name and password instead of OIDC.

Runs in the suite's own environment, hence imports nothing of this project.
"""

from __future__ import annotations

import os
from typing import Any


def pytest_configure() -> None:
    import openeo

    def sign_in(connection: Any, *arguments: Any, **options: Any) -> Any:
        return connection.authenticate_basic(
            os.environ["OPENEO_AUTH_BASIC_USERNAME"], os.environ["OPENEO_AUTH_BASIC_PASSWORD"]
        )

    openeo.Connection.authenticate_oidc = sign_in
