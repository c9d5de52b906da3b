"""Which files a cube is cut into where a file holds one image: one per date, and per combination of other labels."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from openeo_plugin.cube.description import CubeDescription
from openeo_plugin.cube.dimensions import Label, SpatialDimension
from openeo_plugin.errors import OpenEOError
from openeo_plugin.formats.times import Span, span_of_labels

# More files than anyone opens; each costs memory for its index.
_MOST_FILES = 10_000


@dataclass(frozen=True)
class Image:
    """One of the files: a slice of the cube along its labelled dimensions.

    Args:
        stem: file name without extension.
        index: per labelled dimension, into the leading axes of the pixels.
        span: the time that the file stands for.
    """

    stem: str
    index: tuple[int, ...]
    labels: Mapping[str, tuple[Label, ...]]
    span: Span


def images(description: CubeDescription, prefix: str, format_name: str) -> list[Image]:
    """The images of a cube, in the order of its labels; names are distinct.

    The name is the prefix and the label of every dimension with more than one label, joined by `_`.
    Raises: FormatUnsuitable, DataCubeEmpty.
    """
    require_map(description, format_name)
    labelled = description.labelled
    combinations = itertools.product(*(range(len(d.labels)) for d in labelled))
    found, used = [], set[str]()
    for index in combinations:
        labels = {d.name: (d.labels[i],) for d, i in zip(labelled, index, strict=True)}
        parts = [file_label(d.labels[i]) for d, i in zip(labelled, index, strict=True) if len(d.labels) > 1]
        stem = _distinct("_".join([prefix, *parts]), used)
        span = span_of_labels([labels[d.name][0] for d in description.temporal], _all_labels(description))
        found.append(Image(stem, index, labels, span))
    return found


def require_map(description: CubeDescription, format_name: str) -> None:
    """Refuse a cube that is no map.

    Raises: DataCubeEmpty for one without pixels; FormatUnsuitable without x or y, or with too many images.
    """
    if 0 in description.shape or 0 in description.grid.shape:
        raise OpenEOError("DataCubeEmpty")
    if {d.axis for d in description.dimensions if isinstance(d, SpatialDimension)} != {"x", "y"}:
        raise OpenEOError(
            "FormatUnsuitable",
            format=format_name,
            reason="it needs the dimensions x and y. Formats for any cube: netCDF, JSON.",
        )
    count = 1
    for dimension in description.labelled:
        count *= len(dimension.labels)
    if count > _MOST_FILES:
        raise OpenEOError(
            "FormatUnsuitable", format=format_name, reason=f"{count} files would be needed. Try netCDF instead."
        )


def file_label(label: Label) -> str:
    """A label as part of a file name: `2022-06-12T10:00:31Z` becomes `2022-06-12T100031Z`."""
    text = re.sub(r"[^A-Za-z0-9.+-]+", "-", str(label).replace(":", ""))
    return text.strip(".-")[:80] or "label"


def _distinct(stem: str, used: set[str]) -> str:
    candidate, number = stem, 1
    while candidate.lower() in used:
        number += 1
        candidate = f"{stem}_{number}"
    used.add(candidate.lower())
    return candidate


def _all_labels(description: CubeDescription) -> Sequence[Label]:
    return [label for dimension in description.temporal for label in dimension.labels]
