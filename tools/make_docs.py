"""Writes the pages of docs/ that say what the code says: settings, commands, processes, file formats and services.

python tools/make_docs.py            write them
python tools/make_docs.py --check    status 1 if one of them is out of date
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(ROOT))

NOTE = "<!-- Written by `make docs`; changes belong into {source}. -->\n\n"
_OPTION = re.compile(r"^(?P<indent> *)(?P<name>\w+):(?P<value>[^#]*)(?:# (?P<meaning>.*))?$")

_WITHOUT_COMMENT = {"description": "a sentence about the instance"}  # its line is full


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    lines = [list(head), ["---"] * len(list(head))]
    lines += [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def code(text: object) -> str:
    """Text as code; nothing for nothing."""
    return f"`{text}`" if text not in (None, "") else ""


def configuration() -> str:
    """docs/configuration.md: every setting, in the order and with the words of config/default.yml."""
    from config.settings import DEFAULT_FILE, MICROSERVICES, Settings

    parts: list[str] = []
    rows: list[tuple[str, ...]] = []
    documented: set[str] = set()

    def flush() -> None:
        if rows:
            parts.append(table(["setting", "default", "variable", "meaning"], rows))
            rows.clear()

    for line in DEFAULT_FILE.read_text().split("\n\n", 1)[1].splitlines():
        option = _OPTION.match(line)
        if option is None:
            if line.startswith("# "):
                flush()
                parts.append(f"\n## {line[2:]}\n\n")
            continue
        name, value, meaning = (
            option["name"],
            option["value"].strip(),
            option["meaning"] or _WITHOUT_COMMENT.get(option["name"], ""),
        )
        if option["indent"]:
            rows.append(
                (code(f"microservices.{name}"), code(value), code(f"OPENEO_MICROSERVICES__{name.upper()}"), meaning)
            )
            documented.add(f"microservices.{name}")
        elif value:
            rows.append((code(name), code(value), code(f"OPENEO_{name.upper()}"), meaning))
            documented.add(name)
    flush()
    expected = (set(Settings.model_fields) - {"microservices"}) | {f"microservices.{name}" for name in MICROSERVICES}
    if expected != documented:
        raise SystemExit(f"config/default.yml does not name exactly the settings: {sorted(expected ^ documented)}")
    return Path(__file__).with_name("configuration_head.md").read_text() + "".join(parts)


def command_line() -> str:
    """docs/command-line.md: every command with its arguments."""
    from openeo_plugin.cli import build_parser

    parser = build_parser()
    (choices,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    shared = {"--config", "--data-dir", "--database-url"}
    parts = ["# Command line\n\n", NOTE.format(source="openeo_plugin/cli.py"), f"`{parser.prog} COMMAND`. "]
    parts.append(
        "The exit status is 0 if what was asked is done, 1 if not, 2 for a command line that is not valid.\n\n"
    )
    serve = choices.choices["serve"]
    parts.append("Every command takes these:\n\n")
    parts.append(table(["option", "meaning"], [_argument(a) for a in _arguments(serve) if _names(a) & shared]))
    for name, command in choices.choices.items():
        own = [a for a in _arguments(command) if not _names(a) & shared]
        parts.append(f"\n## {name}\n\n{command.description}\n")
        if own:
            parts.append("\n" + table(["option", "meaning"], [_argument(a) for a in own]))
    return "".join(parts)


def _arguments(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [a for a in parser._actions if not isinstance(a, argparse._HelpAction)]


def _names(action: argparse.Action) -> set[str]:
    return set(action.option_strings) or {action.dest}


def _argument(action: argparse.Action) -> tuple[str, str]:
    name = " ".join(action.metavar) if isinstance(action.metavar, tuple) else action.metavar
    shown = "\\|".join(action.choices) if action.choices else name or action.dest.upper()
    if not action.option_strings:
        written = shown if action.choices else action.dest.upper()
        return code(f"[{written}]" if action.nargs == "?" else written).replace("\\|", "|"), action.help or ""
    value = "" if action.nargs == 0 else f" {shown}"
    return code(action.option_strings[0] + value), action.help or ""


def processes() -> str:
    """docs/processes.md: every predefined process, by family."""
    from openeo_plugin.processes.registry import FAMILIES, definitions_in, predefined

    parts = ["# Processes\n\n", NOTE.format(source="openeo_plugin/processes/")]
    parts.append(
        f"{len(predefined())} predefined processes, by the file they are defined in. `GET /openeo/v1/processes` "
        "gives their parameters, schemas and exceptions; both come from the functions' signatures and docstrings. "
        "What a process gives leads to its page, with an example.\n"
    )
    for family in sorted(FAMILIES, key=lambda module: module.__name__):
        title = family.__name__.rsplit(".", 1)[1].replace("_", " ")
        head = (family.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
        parts.append(f"\n## {title}\n\n{head}\n\n")
        rows = [
            (code(d.id), f"[{d.summary}](processes/{d.id}.md)", d.level, _parameters(d)) for d in definitions_in(family)
        ]
        parts.append(table(["process", "gives", "profile", "parameters"], rows))
    return "".join(parts)


def process_pages() -> dict[str, str]:
    """The pages of docs/processes/, by name of the file."""
    from openeo_plugin.processes.registry import FAMILIES, definitions_in
    from tools.process_pages import page

    return {
        f"{definition.id}.md": page(definition, f"{family.__name__.replace('.', '/')}.py", table)
        for family in FAMILIES
        for definition in definitions_in(family)
    }


def _parameters(definition: Any) -> str:
    return ", ".join(code(p.name) + (" (optional)" if p.optional else "") for p in definition.parameters)


def formats_and_services() -> str:
    """docs/formats-and-services.md: every output format and service type with its options."""
    from openeo_plugin.formats.registry import ALL_FORMATS
    from services.configuration import SETTINGS
    from services.registry import TYPES

    parts = ["# File formats and service types\n\n", NOTE.format(source="openeo_plugin/formats/ and services/")]
    parts.append("## File formats\n\nOf `save_result`, and what `GET /openeo/v1/file_formats` says.\n")
    for name, format_ in ALL_FORMATS.items():
        parts.append(f"\n### {name}\n\n{format_.title}, `{format_.media_type}`. {format_.description}\n\n")
        parts.append(_options(format_.parameters))
    parts.append("\n## Service types\n\nOf `POST /openeo/v1/services`, and what `GET /openeo/v1/service_types` says.\n")
    parts.append("A service shows a process graph that is computed as the map is looked at, or a stored result.\n")
    for name, kind in TYPES.items():
        parts.append(f"\n### {name}\n\n{kind.title}. {kind.description} Address: `{kind.path}`\n\n")
        given = ", ".join(code(parameter) for parameter in kind.process_parameters)
        parts.append(f"Process parameters that the process graph may refer to: {given}.\n")
    parts.append("\n### Configuration\n\nEvery service type takes these, all optional:\n\n")
    parts.append(_options({s.name: {**s.schema, "description": s.description} for s in SETTINGS.values()}))
    return "".join(parts)


def _options(parameters: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for name, parameter in parameters.items():
        allowed = ", ".join(code(value) for value in parameter.get("enum", []))
        rows.append(
            (code(name), parameter.get("type", ""), allowed, code(parameter.get("default")), parameter["description"])
        )
    return table(["option", "type", "values", "default", "meaning"], rows)


PAGES: dict[str, Callable[[], str]] = {
    "configuration.md": configuration,
    "command-line.md": command_line,
    "processes.md": processes,
    "formats-and-services.md": formats_and_services,
}


def pages() -> dict[str, str]:
    """Every generated page: path below docs/ -> text."""
    found = {name: made() for name, made in PAGES.items()}
    return found | {f"processes/{name}": text for name, text in process_pages().items()}


def strays(made: Mapping[str, str]) -> list[Path]:
    """Pages of processes that there are no more."""
    return [file for file in sorted((DOCS / "processes").glob("*.md")) if f"processes/{file.name}" not in made]


def outdated() -> list[str]:
    """Names of the pages that don't say what the code says."""
    made = pages()
    wrong = [name for name, text in made.items() if not (DOCS / name).is_file() or (DOCS / name).read_text() != text]
    return wrong + [f"processes/{file.name}" for file in strays(made)]


def main(arguments: list[str]) -> int:
    """Write the pages, or tell which are out of date."""
    if "--check" in arguments:
        names = outdated()
        for name in names:
            sys.stderr.write(f"docs/{name} is out of date; `make docs` writes it\n")
        return 1 if names else 0
    made = pages()
    (DOCS / "processes").mkdir(exist_ok=True)
    for name, text in made.items():
        (DOCS / name).write_text(text)
    for file in strays(made):
        file.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
