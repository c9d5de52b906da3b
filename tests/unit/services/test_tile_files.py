from services.tile_files import TileFiles
from services.tile_store import TileKey

KEY = TileKey((3, 1, 2), "2020-06-01T10:00:00Z", "png")


def test_files_of_a_service_that_became_private_are_removed(tmp_path):
    store = TileFiles(tmp_path, 10_000)
    store.of("abc", "1", None).put(KEY, b"picture")
    store.of("abc", "2", "ann").put(KEY, b"private")
    assert not any((tmp_path / "public" / "abc").iterdir())


def test_the_folder_stays_below_its_limit(tmp_path):
    tiles = TileFiles(tmp_path, 10_000).of("abc", "1", None)
    for number in range(100):
        tiles.put(TileKey((9, number, 0), None, "png"), bytes(500))
    held = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert 0 < sum(file.stat().st_size for file in held) <= 10_500


def test_labels_never_become_paths(tmp_path):
    tiles = TileFiles(tmp_path / "tiles", 10_000).of("abc", "1", None)
    tiles.put(TileKey((1, 0, 0), "../../../outside", "png"), b"x")
    tiles.put(TileKey((1, 0, 0), None, "png", "../../../outside"), b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["tiles"]


def test_a_disk_that_takes_nothing_is_no_fault_of_the_client(tmp_path):
    (tmp_path / "tiles").write_text("a file where the folder should be")
    tiles = TileFiles(tmp_path / "tiles", 10_000).of("abc", "1", None)
    tiles.put(KEY, b"picture")
    assert tiles.get(KEY) is None
