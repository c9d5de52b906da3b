"""What the pages tell people to type does what they say."""

from __future__ import annotations

import re

import pytest
import requests
import yaml
from acceptance.conftest import PASSWORD, ROOT, USER

from config.settings import Settings


def blocks(page: str, language: str) -> str:
    """All code of a page in one language, in order."""
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE))


def typed(page: str, server, folder, monkeypatch) -> dict[str, object]:
    """Run the Python of a page against the server; its variables."""
    (folder / "results").mkdir()
    monkeypatch.chdir(folder)
    code = blocks(page, "python").replace("http://127.0.0.1:8080", server.url)
    code = code.replace('"demo", "demo"', f"{USER!r}, {PASSWORD!r}")
    variables: dict[str, object] = {}
    exec(compile(code, page, "exec"), variables)
    return variables


def test_the_snippet_of_the_readme_gives_files_and_a_map(server, tmp_path, monkeypatch, capsys):
    typed("README.md", server, tmp_path, monkeypatch)

    assert (tmp_path / "ndvi.tif").stat().st_size > 0
    assert (tmp_path / "ndvi.nc").stat().st_size > 0
    url = capsys.readouterr().out.splitlines()[-1]
    assert "<Layer>" in requests.get(url, timeout=60).text


def test_the_tutorial_runs_from_its_first_line_to_its_last(server, tmp_path, monkeypatch):
    variables = typed("docs/tutorial.md", server, tmp_path, monkeypatch)

    assert variables["document"]["coords"]["t"]["data"] == ["2022-06", "2022-07"]
    assert list((tmp_path / "results").glob("*.tif"))


def test_the_settings_that_pages_show_exist():
    shown = yaml.safe_load(blocks("docs/configuration.md", "yaml"))
    assert set(shown) <= set(Settings.model_fields)


def test_docker_compose_sets_what_exists():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert set(services) == {"database", "migrate", "web", "worker", "dask-scheduler", "dask-worker"}
    names = {name for service in services.values() for name in service["environment"] if name.startswith("OPENEO_")}
    assert {name.removeprefix("OPENEO_").lower() for name in names} <= set(Settings.model_fields)
    assert {services[name]["command"][0] for name in ("migrate", "web", "worker")} == {"migrate", "serve", "worker"}


@pytest.mark.parametrize("page", ["README.md", "docs/operation.md", "docs/qgis.md"])
def test_commands_that_pages_show_exist(page):
    from openeo_plugin.cli import build_parser

    parser = build_parser()
    shown = re.findall(r"^\S*pygeoapi-openeo ([^#\n]+)", blocks(page, "shell"), re.MULTILINE)
    for line in shown:
        parser.parse_args(line.split())
    assert shown or page == "docs/qgis.md"
