"""Makes items of a plain folder of GeoTIFFs: dates and bands are told by the names of files and folders.

`S2A_20220612T100031_B04.tif`, `B04_2022-06-12.tif`, `2022-06-12/B04.tif` and `B04/20220612.tif` all mean band B04 on
12 June 2022. Files of one date whose other name parts agree are one item; other parts (a tile) part items.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from openeo_plugin.sources.found import FoundCollection, FoundItem
from openeo_plugin.sources.local_path import is_hidden

_YEAR, _MONTH, _DAY = r"(?P<year>(?:19|20|21)\d\d)", r"(?P<month>0[1-9]|1[0-2])", r"(?P<day>0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[T_ ](?P<hour>[01]\d|2[0-3])[-:]?(?P<minute>[0-5]\d)(?:[-:]?(?P<second>[0-5]\d))?Z?)?"
# The most telling spelling first.
_DATES = tuple(
    re.compile(rf"(?<!\d){pattern}(?!\d)")
    for pattern in (
        rf"{_YEAR}{_MONTH}{_DAY}{_TIME}",
        rf"{_YEAR}[-_.]{_MONTH}[-_.]{_DAY}{_TIME}",
        rf"{_YEAR}(?P<dayofyear>[0-3]\d\d)",
        rf"{_YEAR}[-_.]?{_MONTH}",
        _YEAR,
    )
)
_BAND = re.compile(
    r"(?:SR_|ST_|TOA_)?B\d{1,2}[A-Z]?|QA_?\w*|BQA|SCL|CLM|CLP|CLD\w*|AOT|WVP|TCI|NDVI|NDWI|EVI|LAI|FAPAR|FCOVER|"
    r"LST|SSM|SWI|VV|VH|HH|HV|DEM|DSM|MASK|"
    r"COASTAL|BLUE|GREEN|RED|YELLOW|PAN|REDEDGE\d*|NIR\d*|CIRRUS|SWIR\d*|LWIR\d*",
    re.IGNORECASE,
)
_RESOLUTION = re.compile(r"\d+k?m", re.IGNORECASE)
SUFFIXES = (".tif", ".tiff")


@dataclass(frozen=True)
class _Name:
    """What the path of one file tells: its time, and the parts of its name that are no time."""

    path: Path
    moment: datetime
    parts: tuple[str, ...]
    folders: tuple[str, ...]


def geotiffs_in(folder: Path) -> list[Path]:
    """All GeoTIFFs of a folder and below, by name, also such as are symbolic links; hidden ones are none."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not is_hidden(path, folder) and os.path.isfile(path)  # noqa: PTH113
    )


def collection_of_geotiffs(folder: Path) -> FoundCollection:
    """A collection of a plain folder. Opens no file."""
    names, warnings = [], []
    for path in geotiffs_in(folder):
        if path.is_symlink():
            warnings.append(f"{path.relative_to(folder)}: left out: symbolic links are not followed")
            continue
        name = _read_name(path, folder)
        if name is None:
            warnings.append(
                f"{path.relative_to(folder)}: left out: neither its name nor its folders' names hold a date "
                "such as 20220612 or 2022-06-12"
            )
        else:
            names.append(name)
    items = tuple(_items(names, folder))
    return FoundCollection({"id": folder.name}, items, tuple(warnings))


def _read_name(path: Path, root: Path) -> _Name | None:
    """The date stands in the file's name or else in that of the nearest folder."""
    folders = path.relative_to(root).parts[:-1]
    moment, rest = _date_in(path.stem)
    kept = list(folders)
    for position in reversed(range(len(folders))):
        if moment is not None:
            break
        moment, kept[position] = _date_in(folders[position])
    if moment is None:
        return None
    return _Name(path, moment, _parts(rest), tuple(part for folder in kept for part in _parts(folder)))


def _date_in(text: str) -> tuple[datetime | None, str]:
    """The date in a name, and the name without it."""
    for pattern in _DATES:
        for match in pattern.finditer(text):
            moment = _moment({name: int(value) for name, value in match.groupdict().items() if value})
            if moment is not None:
                return moment, f"{text[: match.start()]}_{text[match.end() :]}"
    return None, text


def _moment(fields: dict[str, int]) -> datetime | None:
    days = fields.pop("dayofyear", 1)
    try:
        moment = datetime(**{"month": 1, "day": 1, **fields}, tzinfo=UTC) + timedelta(days=days - 1)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year == fields["year"] else None  # there is no day 0, and rarely a day 366


def _parts(text: str) -> tuple[str, ...]:
    """Parts of a name between `_`, `.`, blanks and hyphens; `SR_B4` and `QA_PIXEL` stay whole, `10m` says nothing."""
    text = re.sub(r"(?<![A-Za-z])(SR|ST|TOA|QA)_(?=[A-Z])", r"\1~", text)
    return tuple(
        part.replace("~", "_") for part in re.split(r"[_.\s-]+", text) if part and not _RESOLUTION.fullmatch(part)
    )


def _items(names: Iterable[_Name], root: Path) -> list[FoundItem]:
    names = list(names)
    shared = set.intersection(*(set(name.parts) for name in names)) if names else set()
    groups: dict[tuple[datetime, tuple[str, ...]], dict[str, Path]] = {}
    for name in names:
        band, rest = _band(name, shared)
        assets = groups.setdefault((name.moment, rest), {})
        assets[_free_key(band, assets)] = name.path
    return [_item(moment, rest, assets, root) for (moment, rest), assets in sorted(groups.items())]


def _band(name: _Name, shared: set[str]) -> tuple[str, tuple[str, ...]]:
    """The part that names the band, and the parts that name the scene.

    A part that is spelt like a band, else such a folder, else what this file's name does not share with all others.
    """
    for parts in (name.parts, name.folders):
        for part in reversed(parts):
            if _BAND.fullmatch(part):
                return part, tuple(other for other in name.folders + name.parts if other != part)
    own = tuple(part for part in name.parts if part not in shared) or name.parts[-1:] or name.folders[-1:]
    if not own:
        return "B1", ()
    return "_".join(own), tuple(part for part in name.folders + name.parts if part not in own)


def _free_key(band: str, assets: dict[str, Path]) -> str:
    number = 2
    key = band
    while key in assets:
        key, number = f"{band}_{number}", number + 1
    return key


def _item(moment: datetime, rest: tuple[str, ...], assets: dict[str, Path], root: Path) -> FoundItem:
    stamp = moment.strftime("%Y%m%dT%H%M%S" if moment.time() != datetime.min.time() else "%Y%m%d")
    first = next(iter(assets.values()))
    document: dict[str, Any] = {
        "id": "_".join((*rest, stamp)),
        "properties": {"datetime": moment.isoformat()},
        "assets": {
            # "./": a name may look like an address (S2A:B04.tif)
            key: {"href": f"./{path.name}" if path.parent == first.parent else str(path), "type": "image/tiff"}
            for key, path in assets.items()
        },
    }
    return FoundItem(document, first.parent, str(first.parent.relative_to(root) / document["id"]))
