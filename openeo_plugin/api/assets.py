"""Files of job results as clients may have them: hrefs become signed links, paths of this machine stay untold."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from openeo_plugin.api.links import Signer, api_url
from openeo_plugin.api.routing import the_backend
from openeo_plugin.jobs.folders import ResultFolders
from openeo_plugin.jobs.partial_results import PartialResults

if TYPE_CHECKING:
    from db.jobs import Job


def expiry() -> int:
    """When a link that is signed now expires, in seconds since 1970."""
    return int(time.time() + the_backend().settings.signed_link_lifetime_s)


def signed_link(path: str, owner: str, expires: int, **query: str) -> str:
    """Address of a path of this API that works without a token. `query` is not signed."""
    backend = the_backend()
    return api_url(backend.settings, path, **query, **Signer(backend.secret).sign(path, owner, expires))


def result_folder(job_id: str) -> Path:
    """Where the files of a job lie."""
    return the_backend().settings.results_dir / job_id


def partial_results(job: Job) -> PartialResults:
    """What a job has computed by now."""
    backend = the_backend()
    return PartialResults(backend, ResultFolders(backend.settings.results_dir), job)


def signed_assets(job_id: str, owner: str, document: dict[str, Any], expires: int) -> dict[str, Any]:
    """The assets of a collection or item of a result, with signed links."""
    path = f"/jobs/{job_id}/results/assets"
    return {
        name: {**asset, "href": signed_link(f"{path}/{asset_file(job_id, asset['href'])}", owner, expires)}
        for name, asset in document.get("assets", {}).items()
    }


def public_assets(document: dict[str, Any]) -> dict[str, Any]:
    """The assets of a source that lie on the web."""
    return {name: asset for name, asset in document.get("assets", {}).items() if is_web(asset.get("href"))}


def foreign_links(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Links that are not about the place of a document in this API; what is relative to this server made absolute."""
    base = the_backend().settings.public_base
    kept = [one for one in document.get("links", []) if one["rel"] not in STRUCTURAL]
    absolute = [{**one, "href": f"{base}{one['href']}"} if one["href"].startswith("/openeo/") else one for one in kept]
    return [one for one in absolute if is_web(one["href"])]


STRUCTURAL = frozenset(
    {
        "self",
        "root",
        "parent",
        "canonical",
        "collection",
        "item",
        "items",
        "http://www.opengis.net/def/rel/ogc/1.0/queryables",
    }
)


def is_web(href: object) -> bool:
    """Whether anybody can follow an address."""
    return isinstance(href, str) and href.startswith(("https://", "http://"))


def asset_file(job_id: str, href: str) -> str:
    """Path of an asset within its job's folder, from the href it is stored with (a path, a URL or a name)."""
    path = unquote(urlsplit(href).path) if "://" in href else href
    parts = path.replace("\\", "/").split("/")
    inner = parts[len(parts) - parts[::-1].index(job_id) :] if job_id in parts else parts
    return "/".join(part for part in inner if part not in ("", "."))
