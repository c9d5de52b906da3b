"""Processes of others: those that users of this back-end have made public, and definitions that lie on the web.

`u:<user>` is the namespace of a user's public processes; its address, and that of each process in it, work too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from openeo_plugin.errors import OpenEOError

Json = dict[str, Any]
PublicProcess = Callable[[str, str], Json]
"""Gives the public process of a user (first) by its id (second). Raises: ProcessGraphNotFound."""
Fetch = Callable[[str], Any]
"""Gives the JSON at an address. Raises: ValueError with words for the user."""

USER_PREFIX = "u:"
_WEB = re.compile(r"https?://", re.IGNORECASE)


def is_foreign(namespace: str) -> bool:
    """Whether a namespace is one that `Namespaces` knows, rather than `backend` or `user`."""
    return namespace.startswith(USER_PREFIX) or _WEB.match(namespace) is not None


class Namespaces:
    """Finds processes in namespaces of others.

    Args:
        public: the public processes of this back-end.
        own_address: of this back-end's processes (`https://host/openeo/v1/processes`): what lies below it is not
            fetched, but looked up.
        fetch: reaches the web; None if processes may not come from there.
    """

    def __init__(self, public: PublicProcess, own_address: str, fetch: Fetch | None = None) -> None:
        self._public = public
        self._own = own_address.rstrip("/") + "/"
        self._fetch = fetch

    def find(self, process_id: str, namespace: str) -> Json:
        """The definition of a process.

        Raises: ProcessNamespaceInvalid, with the reason.
        """
        if namespace.startswith(USER_PREFIX):
            return self._shared(process_id, namespace, namespace)
        if namespace.startswith(self._own):
            owner, _, named = namespace.removeprefix(self._own).strip("/").partition("/")
            if named and unquote(named) != process_id:
                raise _invalid(process_id, namespace, f"the process there is called '{unquote(named)}'.")
            return self._shared(process_id, unquote(owner), namespace)
        return self._remote(process_id, namespace)

    def _shared(self, process_id: str, owner: str, namespace: str) -> Json:
        try:
            return self._public(owner.removeprefix(USER_PREFIX), process_id)
        except OpenEOError:
            raise _invalid(process_id, namespace, "there is no public process of this name.") from None

    def _remote(self, process_id: str, url: str) -> Json:
        if self._fetch is None:
            raise _invalid(process_id, url, "this back-end takes no definitions from the web.")
        try:
            document = self._fetch(url)
        except ValueError as error:
            raise _invalid(process_id, url, f"{error}.") from None
        found = _named(document, process_id)
        if found is None:
            raise _invalid(process_id, url, "there is no definition of this process with a process graph.")
        return found


def _named(document: Any, process_id: str) -> Json | None:
    """The process of that id, out of one process or a list of processes."""
    listed = document.get("processes") if isinstance(document, dict) else None
    candidates = listed if isinstance(listed, list) else [document]
    for candidate in candidates:
        if isinstance(candidate, dict) and candidate.get("id") == process_id:
            return candidate if isinstance(candidate.get("process_graph"), dict) else None
    return None


def _invalid(process_id: str, namespace: str, reason: str) -> OpenEOError:
    return OpenEOError("ProcessNamespaceInvalid", process=process_id, namespace=namespace[:200], reason=reason)
