from __future__ import annotations

import re

import pytest

from config.settings import MICROSERVICES, load_settings
from openeo_plugin.api.landing import landing_page

LINKED = {
    "capabilities": "/openeo/v1/",
    "data_discovery": "/openeo/v1/collections",
    "process_discovery": "/openeo/v1/processes",
    "services": "/openeo/v1/service_types",
}


def paths(**microservices: bool) -> list[str]:
    settings = load_settings(public_url="https://example.org", microservices=microservices)
    return re.findall(r'href="https://example\.org(/[^"]*)"', landing_page(settings, 1))


def test_the_page_links_all_that_is_offered() -> None:
    assert set(paths()) >= {"/oapi/", *LINKED.values()}


@pytest.mark.parametrize("name", sorted(MICROSERVICES))
def test_the_page_links_nothing_that_is_switched_off(name: str) -> None:
    assert set(paths()) - set(paths(**{name: False})) == ({LINKED[name]} if name in LINKED else set())
