"""What every place that keeps tiles must do, whether files or Redis."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from services.tile_files import TileFiles
from services.tile_redis import RedisOptions, RedisTiles
from services.tile_store import TileKey, TileStore

KEY = TileKey((3, 1, 2), "2020-06-01T10:00:00Z", "png")
LIMIT = 10_000_000


@pytest.fixture(params=["files", "redis"])
def again(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], TileStore]:
    """Opens the same empty place, as each process of an instance does."""
    if request.param == "files":
        return lambda: TileFiles(tmp_path, LIMIT)
    server = request.getfixturevalue("redis_server")
    server.client.flushall()
    return lambda: RedisTiles(RedisOptions(server.url, "tiles:test", LIMIT, timeout_s=60))


@pytest.fixture
def store(again: Callable[[], TileStore]) -> TileStore:
    return again()


def test_a_kept_tile_is_found_again_by_every_process(store, again):
    tiles = store.of("abc", "1", None)
    assert tiles.get(KEY) is None
    assert not tiles.has(KEY)
    tiles.put(KEY, b"picture")
    for found in (tiles, store.of("abc", "1", None), again().of("abc", "1", None)):
        assert found.get(KEY) == b"picture"
        assert found.has(KEY)


def test_a_tile_may_be_kept_anew(store):
    tiles = store.of("abc", "1", None)
    for content in (b"first", b"second"):
        tiles.put(KEY, content)
    assert tiles.get(KEY) == b"second"


def test_every_byte_of_a_picture_comes_back(store):
    tiles, content = store.of("abc", "1", None), bytes(range(256)) * 1000
    tiles.put(KEY, content)
    assert tiles.get(KEY) == content


@pytest.mark.parametrize(
    "other",
    [
        TileKey((3, 2, 1), KEY.label, "png"),
        TileKey((2, 1, 2), KEY.label, "png"),
        TileKey(KEY.tile, None, "png"),
        TileKey(KEY.tile, "2020-06-11T10:00:00Z", "png"),
        TileKey(KEY.tile, KEY.label, "webp"),
        TileKey(KEY.tile, KEY.label, "png", "WorldCRS84Quad"),
    ],
)
def test_tiles_differ_by_place_date_format_and_matrix_set(store, other):
    tiles = store.of("abc", "1", None)
    tiles.put(KEY, b"picture")
    assert tiles.get(other) is None
    assert not tiles.has(other)


def test_tiles_differ_by_service_and_owner(store):
    store.of("abc", "1", None).put(KEY, b"all")
    store.of("xyz", "1", "ann").put(KEY, b"ann")
    store.of("xyz", "1", "bob").put(KEY, b"bob")
    assert store.of("other", "1", None).get(KEY) is None
    assert store.of("abc", "1", None).get(KEY) == b"all"
    assert store.of("xyz", "1", "ann").get(KEY) == b"ann"
    assert store.of("xyz", "1", "bob").get(KEY) == b"bob"
    assert store.of("xyz", "1", None).get(KEY) is None


def test_names_that_are_alike_are_not_mixed_up(store):
    store.of("a", "b-1", None).put(KEY, b"one")
    store.of("a-b", "1", None).put(KEY, b"two")
    assert store.of("a", "b-1", None).get(KEY) == b"one"
    assert store.of("a-b", "1", None).get(KEY) == b"two"


def test_tiles_of_a_changed_service_are_gone(store, again):
    other = again().of("abc", "1", None)
    other.put(KEY, b"picture")
    assert store.of("abc", "2", None).get(KEY) is None
    assert other.get(KEY) is None
    assert store.of("abc", "1", None).get(KEY) is None


def test_who_still_has_the_old_service_shows_nothing_old_to_others(store, again):
    old = again().of("abc", "1", None)
    new = store.of("abc", "2", None)
    old.put(KEY, b"old")
    assert new.get(KEY) is None
    new.put(KEY, b"new")
    old.put(KEY, b"old")
    assert new.get(KEY) == b"new"


def test_a_service_that_became_private_leaves_nothing_public(store):
    public = store.of("abc", "1", None)
    public.put(KEY, b"public")
    store.of("abc", "2", "ann").put(KEY, b"private")
    assert public.get(KEY) is None
    assert store.of("abc", "2", "ann").get(KEY) == b"private"
    assert store.of("abc", "2", "bob").get(KEY) is None


def test_a_forgotten_service_has_no_tiles_in_any_process(store, again):
    public, private = again().of("abc", "1", None), again().of("xyz", "1", "ann")
    for tiles in (public, private):
        tiles.put(KEY, b"picture")
    kept = store.of("other", "1", None)
    kept.put(KEY, b"picture")
    for service in ("abc", "xyz", "never there"):
        store.forget(service)
    for tiles in (public, private, store.of("abc", "1", None), store.of("xyz", "1", "ann")):
        assert tiles.get(KEY) is None
        assert not tiles.has(KEY)
    assert kept.get(KEY) == b"picture"


def test_tiles_are_kept_anew_after_a_service_was_forgotten(store):
    tiles = store.of("abc", "1", None)
    store.forget("abc")
    tiles.put(KEY, b"again")
    assert tiles.get(KEY) == b"again"


@pytest.mark.parametrize("strange", ["../../../outside", "a\0b", "a\nb", "\ud800", "x" * 5000, "", "*", ":"])
def test_strange_names_are_names_like_all_others(store, strange):
    tiles = store.of("abc", "1", None)
    for key in (TileKey(KEY.tile, strange, "png"), TileKey(KEY.tile, None, "png", strange)):
        if strange or key.label is None:
            assert tiles.get(key) is None
        tiles.put(key, b"picture")
        assert tiles.get(key) == b"picture"
        assert tiles.get(KEY) is None


def test_many_threads_may_keep_and_find_tiles(store):
    wrong: list[object] = []

    def work(column: int) -> None:
        tiles = store.of("abc", "1", None)
        for row in range(20):
            key, content = TileKey((9, column, row), None, "png"), f"{column},{row}".encode()
            tiles.put(key, content)
            if tiles.get(key) != content:
                wrong.append(key)

    threads = [threading.Thread(target=work, args=(column,)) for column in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_room_is_told(store):
    assert store.of("abc", "1", None).room_bytes() == LIMIT
