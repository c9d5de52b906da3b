"""The secret key of an instance: a file that only its owner can read, written once, whoever comes first."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from config.files import OptionsError


def read_or_create_key(file: Path) -> bytes:
    """The key in `file`; if there is none, a new one is written with mode 0600.

    Processes that start together get the same key: it is written aside and linked to its name, which only one can do.
    Raises: OSError, if the folder can't be written; OptionsError, if the file is damaged.
    """
    if not file.exists():
        _create(file)
    key = file.read_bytes().strip()
    if len(key) < 32:
        raise OptionsError(
            f"{file} holds no valid key; restore it, or remove it to have a new one written: old links end"
        )
    return key


def _create(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(secrets.token_hex(32).encode())
            stream.flush()
            os.fsync(stream.fileno())
        os.link(aside, file)
    except FileExistsError:
        pass  # another process was faster; its key is the key
    finally:
        aside.unlink()
