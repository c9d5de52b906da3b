"""From a text to the parts of a web address, read strictly: what two parsers could read differently is refused."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from openeo_plugin.egress.policy import EgressPolicy, RefusedAddressError

MAX_LENGTH = 4096
DEFAULT_PORTS = {"http": 80, "https": 443}
_FIRST_FREE_PORT = 1024
_PRINTABLE = re.compile(r"[\x21-\x5b\x5d-\x7e]+")  # no space, no control character, no backslash
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LOCAL_NAMES = ("localhost", "local", "internal", "localdomain", "home.arpa")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_GLOBAL_V6 = ipaddress.ip_network("2000::/3")
# Public by their numbers, but they lead to a private address or to a cloud's own services.
_EXCEPTED = tuple(
    map(
        ipaddress.ip_network,
        ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "168.63.129.16/32", "192.88.99.0/24", "192.0.0.0/24"),
    )
)


@dataclass(frozen=True)
class WebAddress:
    """A web address in its parts.

    Args:
        host: in lower case, ASCII, without a trailing dot; an IPv6 address without brackets.
        target: path and query, as they go over the wire.
    """

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host and port as the header `Host` has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address as a text."""
        return f"{self.scheme}://{self.authority}{self.target}"

    @property
    def literal(self) -> Address | None:
        """The IP address, if the host is one."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None


def joined(base: str, href: object) -> str:
    """An href, seen from the address of the document that it stands in.

    Raises: RefusedAddressError.
    """
    if not isinstance(href, str) or not href or len(href) > MAX_LENGTH:
        raise RefusedAddressError("the address is missing, is no text or is too long")
    try:
        return urljoin(base, href.strip())
    except ValueError:
        raise RefusedAddressError("the address is not valid") from None


def parse(url: str, policy: EgressPolicy) -> WebAddress:
    """The parts of an address that the policy allows, before its name is resolved.

    Raises: RefusedAddressError.
    """
    if not policy.enabled:
        raise RefusedAddressError("this back-end reaches nothing outside")
    text = _ascii(url)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise RefusedAddressError("the address is not valid") from None
    scheme = parts.scheme.lower()
    if scheme not in policy.schemes or scheme not in DEFAULT_PORTS:
        allowed = ", ".join(sorted(policy.schemes))
        raise RefusedAddressError(f"only these schemes may be used: {allowed}")
    if "@" in parts.netloc:
        raise RefusedAddressError("the address must not hold a user name")
    if not text[len(scheme) :].startswith("://"):
        raise RefusedAddressError("the address is not valid")
    host = _host(parts.netloc, parts.hostname or "")
    number = DEFAULT_PORTS[scheme] if port is None else port
    if number not in DEFAULT_PORTS.values() and number < _FIRST_FREE_PORT:
        raise RefusedAddressError(f"the port {number} may not be used")
    if not policy.admits_private(host, number):
        _check_name(host, policy)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return WebAddress(scheme, host, number, target)


def _ascii(url: object) -> str:
    """The text with an international host and path in ASCII."""
    if not isinstance(url, str) or not url or len(url) > MAX_LENGTH:
        raise RefusedAddressError("the address is missing, is no text or is too long")
    if not url.isascii():
        url = _encoded(url)
    if not _PRINTABLE.fullmatch(url):
        raise RefusedAddressError("the address holds characters that are not allowed")
    return url


def _encoded(url: str) -> str:
    from urllib.parse import quote

    try:
        parts = urlsplit(url)
        host, colon, port = parts.netloc.partition(":")
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
    except (UnicodeError, ValueError):
        raise RefusedAddressError("the host is not valid") from None
    safe = "/%:=&?~#+!$,;'@()*[]"
    query = f"?{quote(parts.query, safe)}" if parts.query else ""
    return f"{parts.scheme}://{host}{colon}{port}{quote(parts.path, safe)}{query}"


def _host(netloc: str, hostname: str) -> str:
    if "%" in netloc or not hostname:
        raise RefusedAddressError("the host is missing or not valid")
    if netloc.startswith("["):
        try:
            return str(ipaddress.IPv6Address(hostname))
        except ValueError:
            raise RefusedAddressError("the host is not valid") from None
    host = hostname.lower().removesuffix(".")
    labels = host.split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        return _dotted(host)
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise RefusedAddressError("the host is not valid")
    return host


def _dotted(host: str) -> str:
    """An IPv4 address with four decimal numbers; no other spelling is read."""
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        raise RefusedAddressError("an IP address must be written with four decimal numbers") from None


def _check_name(host: str, policy: EgressPolicy) -> None:
    if not policy.admits(host):
        raise RefusedAddressError(f"the host {host} is not among those that this back-end may reach")
    if any(host == name or host.endswith(f".{name}") for name in _LOCAL_NAMES):
        raise RefusedAddressError("the host belongs to a private network")


def is_public(address: Address) -> bool:
    """Whether an IP address is one of the public internet: not private, loopback, link-local, shared, multicast,
    reserved, or one that wraps an address of another network.
    """
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_V6:
        return False
    if any(address.version == network.version and address in network for network in _EXCEPTED):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
