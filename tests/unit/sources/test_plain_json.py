from __future__ import annotations

import json

from openeo_plugin.sources.plain_json import plain_json


def test_numbers_that_json_does_not_have_are_null() -> None:
    document = json.loads('{"a": [NaN, 1e999, -Infinity, 0.5, 7], "b": {"c": 1' + "0" * 400 + "}}")
    assert plain_json(document) == {"a": [None, None, None, 0.5, 7], "b": {"c": None}}


def test_nodata_is_told_in_the_words_of_stac() -> None:
    document = json.loads('[{"nodata": NaN}, {"nodata": Infinity}, {"nodata": -Infinity}, {"nodata": 0}]')
    assert [band["nodata"] for band in plain_json(document)] == ["nan", "inf", "-inf", 0]


def test_texts_that_no_store_holds_are_changed_and_others_kept() -> None:
    assert plain_json(json.loads(r'{"a\u0000": "\ud800x", "ä": "😀\n"}')) == {"a\ufffd": "\ufffdx", "ä": "😀\n"}
