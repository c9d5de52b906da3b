"""What of the official openeo-test-suite passes here, and every test of it that does not, with its reason.

`tests/acceptance/test_official_suite.py` runs it; `tools/make_conformance.py` writes it down.
"""

from __future__ import annotations

from dataclasses import dataclass

SENTINEL_2 = "sentinel-2-l2a-synthetic"


@dataclass(frozen=True)
class Part:
    """A part of the suite.

    Args:
        path: below the suite's tests.
        count: of its tests.
        known: tests that do not pass, or do not pass everywhere -> why.
        options: of pytest.
    """

    path: str
    count: int
    known: dict[str, str]
    options: tuple[str, ...] = ()

    @property
    def passed(self) -> int:
        """How many tests pass everywhere."""
        return self.count - len(self.known)


AMBIGUOUS = (
    "suite: in its document of the API a schema must be of exactly one of three kinds, of which the first is any "
    "schema; so one without a subtype is of all three, and one of a data cube of two"
)
ONLY_1_2 = "suite: it holds answers against the document of API 1.2, which allows no version but 1.2.0"
STATUS = "suite: it expects status 201, the standard has 200"
NO_UDF = "there is no UDF runtime yet, and the endpoint is off"
NO_SCHEMAS = "suite: it downloads schemas of STAC; it passes where it finds them"
NO_VALUE = "suite: it downloads schemas of STAC, and asserts what its own check returns, which is always nothing"
OTHER_TEXTS = "the official schema holds sentences, and ours are our own; without them it is the same"

WITH_TEXTS = (
    "aggregate_spatial aggregate_temporal aggregate_temporal_period apply apply_dimension apply_kernel "
    "apply_neighborhood apply_polygon array_append array_apply array_concat array_contains array_create array_element "
    "array_filter array_find between constant count date_between filter_bbox filter_labels filter_spatial "
    "filter_temporal first if inspect is_nan is_nodata is_valid last load_collection mask_polygon merge_cubes "
    "quantiles rearrange reduce_dimension resample_spatial"
).split()

GENERAL = {
    "test_GET_backend_info": f"{ONLY_1_2}; with that of 1.3 it passes",
    "test_GET_file_formats": f"{AMBIGUOUS}; with that of 1.3 it passes",
    "test_GET_processes": AMBIGUOUS,
    "test_GET_service_types": AMBIGUOUS,
    "test_POST_result": STATUS,
    "test_GET_udf_runtimes": NO_UDF,
}
COLLECTIONS = {
    "test_get_collections": NO_SCHEMAS,
    "test_get_collections_collection_id[CGLS_SSM_1KM]": NO_SCHEMAS,
    f"test_get_collections_collection_id[{SENTINEL_2}]": NO_SCHEMAS,
}

PARTS = {
    "general": Part("general", 42, GENERAL),
    "collections": Part("collections", 5, COLLECTIONS),
    "metadata": Part(
        "processes/metadata",
        118,
        {
            "test_process_metadata_functional[run_udf]": NO_UDF,
            **{f"test_process_metadata_functional[{name}]": OTHER_TEXTS for name in WITH_TEXTS},
        },
        ("-m", "not optional"),
    ),
    "workflows": Part(
        "workflows", 25, {"test_load_save_netcdf_batch_job_metadata": NO_VALUE}, ("--s2-collection", SENTINEL_2)
    ),
}


def table() -> str:
    """The parts with what passes, and all that does not, in Markdown."""
    lines = ["| part | tests | pass everywhere |", "| --- | --- | --- |"]
    lines += [f"| {name} | {part.count} | {part.passed} |" for name, part in PARTS.items()]
    lines += ["", "| part | does not pass | why |", "| --- | --- | --- |"]
    for name, part in PARTS.items():
        for why in dict.fromkeys(part.known.values()):
            tests = ", ".join(f"`{test}`" for test, reason in part.known.items() if reason == why)
            lines.append(f"| {name} | {tests} | {why} |")
    return "\n".join(lines) + "\n"
