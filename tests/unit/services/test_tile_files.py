from services.tile_store import TileKey, TileStore

KEY = TileKey((3, 1, 2), "2020-06-01T10:00:00Z", "png")


def test_a_kept_tile_is_found_again(tmp_path):
    tiles = TileStore(tmp_path, 10_000).of("abc", "1", None)
    assert tiles.get(KEY) is None
    tiles.put(KEY, b"picture")
    assert tiles.get(KEY) == b"picture"
    assert TileStore(tmp_path, 10_000).of("abc", "1", None).get(KEY) == b"picture"


def test_tiles_differ_by_place_date_format_service_and_owner(tmp_path):
    store = TileStore(tmp_path, 10_000)
    store.of("abc", "1", None).put(KEY, b"picture")
    for key in (
        TileKey((3, 2, 1), KEY.label, "png"),
        TileKey(KEY.tile, None, "png"),
        TileKey(KEY.tile, KEY.label, "webp"),
    ):
        assert store.of("abc", "1", None).get(key) is None
    assert store.of("other", "1", None).get(KEY) is None


def test_tiles_of_a_changed_service_are_gone(tmp_path):
    store = TileStore(tmp_path, 10_000)
    store.of("abc", "1", None).put(KEY, b"picture")
    assert store.of("abc", "2", None).get(KEY) is None
    assert store.of("abc", "1", None).get(KEY) is None


def test_a_service_that_became_private_leaves_nothing_public(tmp_path):
    store = TileStore(tmp_path, 10_000)
    store.of("abc", "1", None).put(KEY, b"picture")
    store.of("abc", "2", "ann").put(KEY, b"private")
    assert not any((tmp_path / "public" / "abc").iterdir())
    assert store.of("abc", "2", "bob").get(KEY) is None


def test_the_folder_stays_below_its_limit(tmp_path):
    tiles = TileStore(tmp_path, 10_000).of("abc", "1", None)
    for number in range(100):
        tiles.put(TileKey((9, number, 0), None, "png"), bytes(500))
    held = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert 0 < sum(file.stat().st_size for file in held) <= 10_500


def test_labels_never_become_paths(tmp_path):
    tiles = TileStore(tmp_path / "tiles", 10_000).of("abc", "1", None)
    tiles.put(TileKey((1, 0, 0), "../../../outside", "png"), b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["tiles"]


def test_a_disk_that_takes_nothing_is_no_fault_of_the_client(tmp_path):
    (tmp_path / "tiles").write_text("a file where the folder should be")
    tiles = TileStore(tmp_path / "tiles", 10_000).of("abc", "1", None)
    tiles.put(KEY, b"picture")
    assert tiles.get(KEY) is None
