"""Signatures that let whoever holds them read one path until they expire."""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass

from openeo_plugin.errors import OpenEOError


@dataclass(frozen=True)
class Signer:
    """Signs paths with HMAC-SHA256 over method, path, user, expiry and key id.

    The user is not written into the link: it is the owner of what the path names. Changing the key revokes all links.
    """

    key: bytes

    @property
    def key_id(self) -> str:
        """Names the key without telling it."""
        return hashlib.sha256(b"key id\n" + self.key).hexdigest()[:8]

    def sign(self, path: str, user: str, expires: int) -> dict[str, str]:
        """Query parameters that let anyone GET `path`. expires: seconds since 1970."""
        return {"expires": str(expires), "key": self.key_id, "signature": self._signature(path, user, str(expires))}

    def check(self, path: str, user: str, query: dict[str, str]) -> None:
        """Let a signed request pass.

        Raises: TokenInvalid, if anything was changed; ResultLinkExpired.
        """
        expires = query.get("expires", "")
        expected = self._signature(path, user, expires)
        given = query.get("signature", "")
        if query.get("key") != self.key_id or not hmac.compare_digest(expected.encode(), given.encode()):
            raise OpenEOError("TokenInvalid")
        if int(expires) < time.time():
            raise OpenEOError("ResultLinkExpired")

    def _signature(self, path: str, user: str, expires: str) -> str:
        # the length of each part stands before it, so that no part can lend characters to another
        parts = ("GET", path, user, expires, self.key_id)
        message = "".join(f"{len(part)}:{part}\n" for part in parts)
        return hmac.new(self.key, message.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
