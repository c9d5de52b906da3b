"""From an href in a catalogue to a file on this machine, and never to one outside the imported folder."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

MAX_LENGTH = 4096


class RefusedHrefError(Exception):
    """An href that leads nowhere, or to where it must not lead. The text says why, in words for the user."""


def is_hidden(path: Path, root: Path) -> bool:
    """Whether a file or one of its folders below `root` begins with a dot: snapshots, waste bins, twins of macOS."""
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def local_file(href: object, base: Path, root: Path) -> Path:
    """The file that an href means, as an absolute path without symbolic links.

    Args:
        href: relative, absolute, or `file:`; may be percent-encoded.
        base: folder against which a relative href is resolved.
        root: the imported folder; the file must lie inside, also after symbolic links are followed.
    Raises: RefusedHrefError.
    """
    if not isinstance(href, str) or not href or len(href) > MAX_LENGTH:
        raise RefusedHrefError("the href is missing or is not a text")
    for spelling in dict.fromkeys(_spellings(href)):
        path = _inside(spelling, base, root)
        if os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises for long names before Python 3.13
            return path
    raise RefusedHrefError("the file does not exist")


def _spellings(href: str) -> tuple[str, ...]:
    """The path as it stands and, as an href is a URL, percent-decoded."""
    try:
        parts = urlsplit(href)
    except ValueError as error:
        raise RefusedHrefError("the href is no valid address") from error
    if not parts.scheme:
        return href, unquote(href)
    if parts.scheme.lower() != "file" or parts.netloc not in ("", "localhost"):
        raise RefusedHrefError("only files of the imported folder can be read, no other addresses")
    return (unquote(parts.path),)


def _inside(name: str, base: Path, root: Path) -> Path:
    if "\0" in name or "\\" in name:
        raise RefusedHrefError("the path holds characters that are not allowed")
    if name.startswith("/vsi"):
        raise RefusedHrefError("GDAL's virtual file systems are not read")
    try:
        path = (base / name).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise RefusedHrefError("the path can't be resolved") from error
    if not path.is_relative_to(root.resolve()):
        raise RefusedHrefError("the file lies outside the imported folder")
    return path
