"""What of the outside the back-end may reach, as values. Nothing here opens a connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from config.settings import Settings


class EgressError(Exception):
    """An address that is not fetched, or could not be. The text says why, in words for the user."""


class RefusedAddressError(EgressError):
    """An address that the policy does not allow."""


class UnreachableError(EgressError):
    """An address that is allowed, but gave no answer that can be used."""


class MissingError(UnreachableError):
    """The server is there, but has nothing at this address (404 or 410)."""


@dataclass(frozen=True)
class EgressPolicy:
    """Which addresses may be fetched, and how much of them.

    Args:
        enabled: whether anything may be reached at all.
        schemes: `https`, and `http` only where it is wanted.
        hosts: the hosts that may be reached, `*.example.org` for all below one; None for every public one.
        private_hosts: `host` or `host:port` that may be reached although their addresses are private. They need not
            stand in `hosts` as well.
        max_bytes: of one answer, decoded.
        max_ratio: how many times larger than what came over the wire a decoded answer may be.
        timeout_s: for one request with everything that belongs to it but redirects.
        connect_timeout_s: for a connection.
        max_redirects: how many are followed; each is held against the policy.
    """

    enabled: bool = True
    schemes: frozenset[str] = frozenset({"https"})
    hosts: tuple[str, ...] | None = None
    private_hosts: tuple[str, ...] = ()
    max_bytes: int = 64 * 2**20
    max_ratio: int = 100
    timeout_s: float = 30.0
    connect_timeout_s: float = 10.0
    max_redirects: int = 5

    def admits(self, host: str) -> bool:
        """Whether the list of hosts, if there is one, holds a host (in lower case, without trailing dot)."""
        if self.hosts is None:
            return True
        return any(
            host == wanted or (wanted.startswith("*.") and host.endswith(wanted[1:]))
            for wanted in map(_host, self.hosts)
        )

    def admits_private(self, host: str, port: int) -> bool:
        """Whether a host may have a private address."""
        name = f"[{host}]" if ":" in host else host
        return any(wanted in (name, host, f"{name}:{port}") for wanted in map(_host, self.private_hosts))


def _host(text: str) -> str:
    return text.strip().lower().rstrip(".")


def policy_of(settings: Settings) -> EgressPolicy:
    """The policy that the options of an instance ask for."""
    return EgressPolicy(
        enabled=settings.egress,
        schemes=frozenset(settings.egress_schemes),
        hosts=None if settings.egress_hosts is None else tuple(settings.egress_hosts),
        private_hosts=tuple(settings.egress_private_hosts),
        max_bytes=settings.egress_max_bytes,
        timeout_s=settings.egress_timeout_s,
    )
