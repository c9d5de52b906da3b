"""`user`: who may sign in."""

from __future__ import annotations

import argparse
import getpass

from config.settings import Settings
from openeo_plugin.commands.error import CommandError


def user(settings: Settings, given: argparse.Namespace) -> int:
    """List, add, delete users or set a password."""
    from openeo_plugin.backend import open_backend

    backend = open_backend(settings)
    if given.action == "list":
        for known in backend.users.list():
            print(known.name + (" (demo)" if known.is_demo else ""))
        return 0
    if not given.name:
        raise CommandError(f"`user {given.action}` needs the name of a user.")
    if given.action == "delete":
        backend.users.delete(given.name)
        return 0
    password = _password(given)
    if given.action == "add":
        backend.auth.basic.add_user(given.name, password)
    else:
        backend.auth.basic.change_password(given.name, password)
    return 0


def _password(given: argparse.Namespace) -> str:
    if given.password_file is not None:
        return str(given.password_file.read_text()).rstrip("\n")
    password = getpass.getpass(f"Password of {given.name}: ")
    if password != getpass.getpass("Once more: "):
        raise CommandError("the two passwords differ.")
    return password
