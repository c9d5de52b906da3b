"""One request to a service, as the door knows it: carried to whatever computes the answer."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from openeo_plugin.engine.operator import RunContext

if TYPE_CHECKING:
    from db.services import Service
    from services.access import Opened


@dataclass(frozen=True)
class Visit:
    """A request that was let in.

    Args:
        service: the stored service it is for.
        segment: how the address names the service: its id, or the id and a ticket.
        opened: the service as it was found to be, if it was open already.
        context: canceled when the client has left.
    """

    service: Service
    segment: str
    opened: Opened | None = None
    context: RunContext = field(default_factory=RunContext)

    @property
    def is_private(self) -> bool:
        """Whether only the owner may see the service."""
        return is_private(self.service)


_VISIT: ContextVar[Visit | None] = ContextVar("visit", default=None)
_CONTEXT: ContextVar[RunContext | None] = ContextVar("context", default=None)


def is_private(service: Service) -> bool:
    """Whether only the owner may see a service."""
    return service.configuration.get("access") == "private"


def current_visit() -> Visit | None:
    """The request that is being answered; None outside of the door."""
    return _VISIT.get()


def enter(visit: Visit) -> None:
    """From here on this task, and the threads it starts, answer `visit`."""
    _VISIT.set(visit)
    _CONTEXT.set(visit.context)


def enter_context(context: RunContext) -> None:
    """From here on this task, and the threads it starts, stop with a context; for requests that are for no service."""
    _CONTEXT.set(context)


def current_context() -> RunContext:
    """Where to look whether the client still waits; never canceled outside of the door."""
    return _CONTEXT.get() or RunContext()


def public_segment(service_id: str) -> str:
    """How addresses in answers name a service: as the request did, so that a ticket goes on being valid."""
    visit = _VISIT.get()
    return visit.segment if visit and visit.service.id == service_id else service_id
