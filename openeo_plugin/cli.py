"""The command line: `pygeoapi-openeo serve | worker | demo | import | migrate | user | publish | seed | explain`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from config.files import OptionsError
from config.settings import Settings, load_settings, misspelt_variables
from db.session import DatabaseError, DatabaseUnusableError, reason_of
from db.users import UserError
from openeo_plugin import commands
from openeo_plugin.errors import OpenEOError

_LOG = logging.getLogger(__name__)
_WORDS = {"extra_forbidden": "there is no such option", "missing": "it is needed here"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status is 0 if it did what was asked, 1 if not, 2 for a command line that is wrong."""
    parser = build_parser()
    given = parser.parse_args(arguments)
    try:
        settings = _settings(given)
        logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        for name in ("rasterio", "alembic", "mapproxy", "numexpr"):
            logging.getLogger(name).setLevel(logging.ERROR)
        for name, meant in misspelt_variables(os.environ).items():
            _LOG.warning("The variable %s names no option, so it changes nothing; is %s meant?", name, meant)
        return int(given.command(settings, given) or 0)
    except OpenEOError as error:
        return _complain(error.message)
    except ValidationError as error:
        for fault in error.errors():
            name = ".".join(str(part) for part in fault["loc"]) or "options"
            _complain(f"the option {name} is not valid: {_WORDS.get(fault['type'], fault['msg'])}")
        return 2
    except OptionsError as error:
        _complain(str(error))
        return 2
    except (commands.CommandError, UserError, DatabaseUnusableError) as error:
        return _complain(str(error))
    except DatabaseError as error:
        _LOG.debug("The database failed", exc_info=error)
        return _complain(f"the database can't be used: {reason_of(error)}")
    except OSError as error:
        return _complain(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
    except KeyboardInterrupt:
        return 130


def _complain(message: str) -> int:
    print(f"pygeoapi-openeo: {message}", file=sys.stderr)
    return 1


def _settings(given: argparse.Namespace) -> Settings:
    names = ("host", "port", "data_dir", "database_url", "public_url", "threads", "demo")
    overrides: dict[str, Any] = {name: getattr(given, name, None) for name in names}
    if getattr(given, "no_worker", False):
        overrides["embedded_worker"] = False
    return load_settings(given.config, **overrides)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="pygeoapi-openeo",
        description="An openEO back-end in the OGC world. Options are read from --config, OPENEO_* and these flags.",
    )
    commands_ = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--config", type=Path, metavar="FILE", help="a YAML file with options (see config/default.yml)")
    shared.add_argument("--data-dir", type=Path, metavar="FOLDER", help="where database, results and keys lie")
    shared.add_argument("--database-url", metavar="URL", help="SQLAlchemy URL; SQLite in the data folder by default")

    def add(name: str, command: Any, text: str) -> argparse.ArgumentParser:
        made = commands_.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", parents=[shared])
        made.set_defaults(command=command)
        return made

    serve = add("serve", commands.serve, "start the server, with a worker for batch jobs beside it")
    _address(serve)
    serve.add_argument("--no-worker", action="store_true", help="start no worker; run `worker` elsewhere")

    worker = add("worker", commands.worker, "run batch jobs from the database until stopped")
    worker.add_argument("--slots", type=_count, default=1, metavar="N", help="how many jobs run at once (default: 1)")
    worker.add_argument("--parent-pid", type=int, metavar="PID", help="stop when this process is gone")
    worker.add_argument("--threads", type=int, metavar="N", help="threads of each job")

    demo = add("demo", commands.demo, "import a small collection, start the server and run the quickstart against it")
    _address(demo)
    demo.add_argument("--collections", type=Path, metavar="FOLDER", help="import this folder instead of made-up data")
    demo.add_argument("--once", action="store_true", help="stop after the quickstart")

    import_ = add("import", commands.import_, "make collections of a folder with static STAC or GeoTIFFs")
    import_.add_argument("folder", type=Path, help="a STAC collection, a folder of them, or a folder of GeoTIFFs")
    import_.add_argument("--id", metavar="ID", help="id of the collection (one collection only)")
    import_.add_argument("--owner", metavar="USER", help="only this user sees it; everybody by default")

    add("migrate", commands.migrate, "create the database, or bring it up to date")

    user = add("user", commands.user, "list, add, delete users or set a password")
    user.add_argument("action", choices=["list", "add", "delete", "password"])
    user.add_argument("name", nargs="?", help="name of the user")
    user.add_argument(
        "--password-file", type=Path, metavar="FILE", help="read the password from here, not from a prompt"
    )

    publish = add("publish", commands.publish, "create a map service of a finished job or of a process graph")
    publish.add_argument("what", help="id of a finished job, or a JSON file with a process")
    publish.add_argument("--user", required=True, help="who owns the service")
    publish.add_argument("--type", default="XYZ", help="XYZ, WMTS or WMS (default: XYZ)")
    publish.add_argument("--title", help="of the service")

    seed = add("seed", commands.seed, "make the tiles of a service ahead, those that are not kept yet")
    seed.add_argument("service", metavar="SERVICE", help="id of the service")
    seed.add_argument("--zoom", metavar="N[-M]", help="levels; by default 0 to that of the data's own pixels")
    sides = ("WEST", "SOUTH", "EAST", "NORTH")
    seed.add_argument("--bbox", type=float, nargs=4, metavar=sides, help="in degrees; by default everything")
    seed.add_argument("--date", action="append", metavar="DATE", help="may be repeated; by default the service's own")
    seed.add_argument("--all-dates", action="store_true", help="every date of the service")
    seed.add_argument("--tile-matrix-set", metavar="ID", help="WebMercatorQuad (default), WorldCRS84Quad or Native")
    seed.add_argument("--format", default="png", help="png (default), jpeg or webp")
    seed.add_argument("--threads", type=int, metavar="N", help="threads that compute (default: as many as cores)")

    explain = add("explain", commands.explain, "tell what a process would do and cost, without reading a pixel")
    explain.add_argument("file", type=Path, help="a JSON file with a process or a process graph")
    explain.add_argument("--user", help="whose collections and processes may be used; public ones by default")
    explain.add_argument("--json", action="store_true", help="as JSON rather than as text")
    return parser


def _address(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default: 8080)")
    parser.add_argument("--public-url", metavar="URL", help="how clients reach the server, behind a proxy")


if __name__ == "__main__":
    sys.exit(main())
