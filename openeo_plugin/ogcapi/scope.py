"""Who asks, and which back-end answers: what pygeoapi's plugins know of the request they serve.

pygeoapi builds its plugins from names and dicts, so they can't be handed anything. A context variable carries both
for the time of one request; a plugin used outside of a request fails at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from openeo_plugin.errors import OpenEOError

if TYPE_CHECKING:
    from openeo_plugin.backend import Backend


@dataclass
class Scope:
    """One request.

    Args:
        backend: settings, stores and driver.
        user: name of the user, None if the request is anonymous.
        parameters: of the address, as far as providers are not told of them.
        snapshot: pygeoapi's resources as they were when the request first asked for them.
    """

    backend: Backend
    user: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    snapshot: dict[str, dict[str, Any]] | None = field(default=None)

    @property
    def authenticated(self) -> str:
        """Name of the user.

        Raises: AuthenticationRequired.
        """
        if self.user is None:
            raise OpenEOError("AuthenticationRequired")
        return self.user

    @property
    def base_url(self) -> str:
        """Address of the OGC API, without a slash at its end."""
        return f"{self.backend.settings.public_base}/oapi"


_SCOPE: ContextVar[Scope] = ContextVar("ogcapi_scope")


def current_scope() -> Scope:
    """The scope of the request that is being served.

    Raises: LookupError, if there is none.
    """
    return _SCOPE.get()


@contextmanager
def entered(scope: Scope) -> Iterator[Scope]:
    """Serve a request within `scope`."""
    token = _SCOPE.set(scope)
    try:
        yield scope
    finally:
        _SCOPE.reset(token)
