"""From a host to the one IP address that is connected to: all of its addresses must be allowed."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable

from openeo_plugin.egress.address import Address, WebAddress, is_public
from openeo_plugin.egress.policy import EgressPolicy, RefusedAddressError, UnreachableError

Resolver = Callable[[str, int], list[str]]
"""Gives the IP addresses of a host (for a port) as texts. Raises: OSError."""

REMEMBERED_S = 30.0
_MAX_REMEMBERED = 256


def system_resolver(host: str, port: int) -> list[str]:
    """What the machine's own resolver says."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Pinning:
    """Resolves hosts and remembers the answer for a short while. Safe in threads."""

    def __init__(self, policy: EgressPolicy, resolver: Resolver, clock: Callable[[], float] = time.monotonic) -> None:
        self._policy = policy
        self._resolver = resolver
        self._clock = clock
        self._known: dict[tuple[str, int], tuple[float, str]] = {}
        self._lock = threading.Lock()

    def pinned(self, address: WebAddress) -> str:
        """The IP address to connect to.

        Raises: RefusedAddressError, if any address of the host is not allowed; UnreachableError, if it has none.
        """
        key = (address.host, address.port)
        with self._lock:
            until, known = self._known.get(key, (0.0, ""))
        if known and self._clock() < until:
            return known
        found = self._checked(address)
        with self._lock:
            if len(self._known) >= _MAX_REMEMBERED:
                self._known.clear()
            self._known[key] = (self._clock() + REMEMBERED_S, found)
        return found

    def _checked(self, address: WebAddress) -> str:
        found = self._addresses(address)
        if not found:
            raise UnreachableError(f"the host {address.host} is not known")
        if not self._policy.admits_private(address.host, address.port) and not all(map(is_public, found)):
            raise RefusedAddressError("the host belongs to a private network")
        return str(found[0])

    def _addresses(self, address: WebAddress) -> list[Address]:
        literal = address.literal
        if literal is not None:
            return [literal]
        try:
            return [ipaddress.ip_address(text) for text in self._resolver(address.host, address.port)]
        except ValueError:  # an address with a zone is one of this machine's own networks
            raise RefusedAddressError("the host belongs to a private network") from None
        except OSError:
            raise UnreachableError(f"the host {address.host} is not known") from None
