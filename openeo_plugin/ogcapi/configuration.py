"""pygeoapi's configuration: `config/pygeoapi.yml`, the settings of the instance, and the live catalogue."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from openeo_plugin.ogcapi.resources import LiveResources

if TYPE_CHECKING:
    from config.settings import Settings

FOLDER = Path(__file__).parent


def pygeoapi_configuration(settings: Settings, resources: LiveResources) -> dict[str, Any]:
    """A configuration of one's own for `pygeoapi.api.API`, which changes it."""
    config: dict[str, Any] = yaml.safe_load(files("config").joinpath("pygeoapi.yml").read_text(encoding="utf-8"))
    templates = {"path": str(FOLDER / "templates")}
    config |= templates  # where pygeoapi's pages of tile matrix sets look for it
    config["server"] |= {
        "url": f"{settings.public_base}/oapi",
        "templates": templates,
        "manager": {"name": "openeo_plugin.ogcapi.process_manager.QueueManager"},
    }
    identification = config["metadata"]["identification"]
    identification |= {"title": settings.title, "description": settings.description, "url": settings.public_base}
    for name in ("license", "provider", "contact"):
        config["metadata"][name]["url"] = config["metadata"][name]["url"] or settings.public_base
    config["logging"] = {"level": settings.log_level.upper()}
    config["resources"] = resources
    return config
