"""Addresses of private services that work without a token: the service's id with a signed ticket behind it.

`/tiles/{id}~{expires}.{key}.{signature}/{z}/{x}/{y}.png`: the ticket is part of the path, so whatever a client builds
on an address (tiles of a template, addresses in capabilities) carries it on.
"""

from __future__ import annotations

import re

from openeo_plugin.auth.signer import Signer
from openeo_plugin.errors import OpenEOError

SEPARATOR = "~"
_TICKET = re.compile(r"(?P<expires>[0-9]{1,12})\.(?P<key>[0-9a-f]{8})\.(?P<signature>[0-9a-f]{64})")


def with_ticket(service_id: str, owner: str, secret: bytes, expires: int) -> str:
    """The segment of addresses that opens a private service until `expires`, in seconds since 1970."""
    parts = Signer(secret).sign(_path(service_id), owner, expires)
    return f"{service_id}{SEPARATOR}{parts['expires']}.{parts['key']}.{parts['signature']}"


def check_ticket(ticket: str, service_id: str, owner: str, secret: bytes) -> None:
    """Let a ticket pass.

    Raises: TokenInvalid; ResultLinkExpired.
    """
    found = _TICKET.fullmatch(ticket)
    if found is None:
        raise OpenEOError("TokenInvalid")
    Signer(secret).check(_path(service_id), owner, found.groupdict())


def _path(service_id: str) -> str:
    return f"/services/{service_id}"
