from __future__ import annotations

import time
from urllib.parse import quote

import pytest

from config.settings import load_settings
from openeo_plugin.api.links import Signer, api_url, link
from openeo_plugin.errors import OpenEOError

SIGNER = Signer(b"k" * 32)
LATER = int(time.time()) + 86_400  # later than the end of the longest run of tests


def _code(signer, path, user, query):
    with pytest.raises(OpenEOError) as caught:
        signer.check(path, user, query)
    return caught.value.code


def test_a_signed_link_passes_until_it_expires():
    SIGNER.check("/jobs/1/results", "ann", SIGNER.sign("/jobs/1/results", "ann", LATER))

    assert _code(SIGNER, "/p", "ann", SIGNER.sign("/p", "ann", int(time.time()) - 1)) == "ResultLinkExpired"


@pytest.mark.parametrize(
    ("path", "user", "change"),
    [
        ("/jobs/2/results", "ann", {}),
        ("/jobs/1/results", "bob", {}),
        ("/jobs/1/results", "ann", {"expires": str(LATER + 1)}),
        ("/jobs/1/results", "ann", {"expires": "x"}),
        ("/jobs/1/results", "ann", {"expires": ""}),
        ("/jobs/1/results", "ann", {"key": "00000000"}),
        ("/jobs/1/results", "ann", {"signature": "0" * 64}),
        ("/jobs/1/results", "ann", {"signature": ""}),
        ("/jobs/1/results", "ann", {"signature": "\N{SNOWMAN}"}),
    ],
)
def test_a_link_with_anything_changed_is_refused(path, user, change):
    signed = SIGNER.sign("/jobs/1/results", "ann", LATER)

    assert _code(SIGNER, path, user, {**signed, **change}) == "TokenInvalid"


def test_another_key_revokes_every_link():
    assert _code(Signer(b"o" * 32), "/p", "ann", SIGNER.sign("/p", "ann", LATER)) == "TokenInvalid"


def test_no_part_of_what_is_signed_can_lend_characters_to_another():
    first, second = SIGNER.sign("/a", "b3:cde", LATER), SIGNER.sign("/ab", "3:cde", LATER)

    assert first["signature"] != second["signature"]


def test_the_key_id_does_not_tell_the_key():
    assert SIGNER.key_id != Signer(b"o" * 32).key_id
    assert len(SIGNER.key_id) == 8


def test_addresses_stand_on_the_public_base_and_are_quoted(tmp_path):
    settings = load_settings(data_dir=tmp_path, public_url="https://geo.example/sub/")

    assert api_url(settings, "/jobs/ä b", limit=2, offset=4) == (
        f"https://geo.example/sub/openeo/v1/jobs/{quote('ä b')}?limit=2&offset=4"
    )


def test_links_have_no_empty_fields():
    assert link("self", "https://x") == {"rel": "self", "href": "https://x"}
