"""What a provider of OpenID Connect publishes of itself: its configuration and the keys that it signs with.

Both are fetched when first needed and kept. What clients send can't make the back-end fetch more often than the pauses
below allow, however many unknown keys it names.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey, import_key

from openeo_plugin.egress.client import Egress
from openeo_plugin.egress.policy import EgressError, EgressPolicy

log = logging.getLogger(__name__)

KEPT_S = 3600.0  # keys that the provider has withdrawn are trusted for at most so long
PAUSE_S = 30.0  # between two looks for a key that is not known
PAUSE_AFTER_FAILURE_S = 5.0  # a provider that is down holds up one request in so many seconds, not each
MAX_STALE_S = 24 * 3600.0  # how long a provider may be down before its last keys are no longer trusted
WAIT_S = 2.0  # for another thread that is looking already
MAX_KEYS = 100
RSA_MIN_BITS = 2048
_MAX_BYTES = 2**18
_TIMEOUT_S = 10.0
_DISCOVERY = "/.well-known/openid-configuration"


class ProviderUnavailableError(Exception):
    """The provider can't be asked, or what it says can't be used. The text is for the log."""


@dataclass(frozen=True)
class _Known:
    """Keys by their id; those without one under None."""

    keys: dict[str | None, tuple[Key, ...]]
    fetched: float


def egress_to(issuer: str) -> Egress:
    """A way to one provider: public hosts, and the issuer's own even if that is private, for its operator named it."""
    parts = urlsplit(issuer)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return Egress(
        EgressPolicy(
            schemes=frozenset({"https", parts.scheme}),
            private_hosts=(f"{host}:{port}",),
            max_bytes=_MAX_BYTES,
            timeout_s=_TIMEOUT_S,
            connect_timeout_s=_TIMEOUT_S / 2,
        )
    )


class ProviderKeys:
    """The keys of one provider. Safe in threads: one looks, the others wait for what it finds.

    Args:
        issuer: without a slash at its end.
        egress: through which it is reached.
        clock: seconds of a clock that never goes back.
    """

    def __init__(
        self, issuer: str, *, egress: Egress | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer = issuer
        self._egress = egress or egress_to(issuer)
        self._clock = clock
        self._lock = threading.Lock()
        self._known: _Known | None = None
        self._next_look = float("-inf")
        self._failure = ""

    def candidates(self, key_id: str | None) -> tuple[Key, ...]:
        """The keys that a token may be signed with, by the key id of its header; none if there is no such key.

        Raises: ProviderUnavailableError.
        """
        known = self._known
        if known is None or not self._suffices(known, key_id):
            known = self._looked_up(key_id)
        if key_id is None:
            return tuple(key for keys in known.keys.values() for key in keys)
        return known.keys.get(key_id, ())

    def _looked_up(self, key_id: str | None) -> _Known:
        if self._lock.acquire(timeout=WAIT_S if self._known else _TIMEOUT_S):
            try:
                if not (self._known and self._suffices(self._known, key_id)) and self._clock() >= self._next_look:
                    self._fetch()
            finally:
                self._lock.release()
        known = self._known
        if known is None or self._clock() - known.fetched > MAX_STALE_S:
            raise ProviderUnavailableError(self._failure or "it takes too long to answer")
        return known

    def _suffices(self, known: _Known, key_id: str | None) -> bool:
        """Whether there is nothing to look for."""
        return self._clock() - known.fetched <= KEPT_S and (key_id is None or key_id in known.keys)

    def _fetch(self) -> None:
        """Get the keys as they are now, and keep those of before if that can't be done."""
        try:
            keys = _by_id(_usable(self._document(self._jwks_address())))
        except (EgressError, ProviderUnavailableError) as error:
            log.warning("The keys of %s are not to be had: %s", self._issuer, error)
            self._failure, self._next_look = str(error), self._clock() + PAUSE_AFTER_FAILURE_S
            return
        now = self._clock()
        self._known, self._next_look = _Known(keys, now), now + PAUSE_S

    def _jwks_address(self) -> str:
        configuration = self._document(self._issuer + _DISCOVERY)
        if configuration.get("issuer") != self._issuer:
            raise ProviderUnavailableError("its configuration names another issuer")
        address = configuration.get("jwks_uri")
        if not isinstance(address, str):
            raise ProviderUnavailableError("its configuration has no jwks_uri")
        return address

    def _document(self, address: str) -> dict[str, Any]:
        document = self._egress.json(address)
        if not isinstance(document, dict):
            raise ProviderUnavailableError(f"{address} gives no JSON object")
        return document


def _usable(document: dict[str, Any]) -> list[Key]:
    """The public keys of a key set that signatures may be checked with; all others are left out.

    Raises: ProviderUnavailableError, if none is left.
    """
    listed = document.get("keys")
    found = [_key(entry) for entry in listed[:MAX_KEYS]] if isinstance(listed, list) else []
    keys = [key for key in found if key is not None]
    if not keys:
        raise ProviderUnavailableError("its key set has no key for signatures")
    return keys


def _key(entry: Any) -> Key | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    try:
        key = import_key(entry)
        if isinstance(key, RSAKey):
            return key if key.public_key.key_size >= RSA_MIN_BITS else None
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if isinstance(key, OKPKey):
        return key if entry.get("crv") in ("Ed25519", "Ed448") else None
    return key if isinstance(key, ECKey) else None


def _by_id(keys: list[Key]) -> dict[str | None, tuple[Key, ...]]:
    found: dict[str | None, tuple[Key, ...]] = {}
    for key in keys:
        found[key.kid] = (*found.get(key.kid, ()), key)
    return found
