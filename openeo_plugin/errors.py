"""The errors of the back-end: one class, the official codes, one table from code to message and HTTP status.

Everything that a client may have done wrong, and every limit it may have met, is raised as `OpenEOError`.
The HTTP door turns it into `{id, code, message, links}`; whatever else is raised there becomes `Internal`.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass


@dataclass(frozen=True)
class ErrorDefinition:
    """What an error code means: HTTP status and a message with `{placeholders}` for details."""

    status: int
    message: str


# The codes and statuses are those of openEO API 1.3 (errors.json) and of openeo-processes 2.0; the sentences are ours.
RETRY_AFTER_S = 30
"""Seconds that clients are told to wait when the service is busy."""

ERRORS: dict[str, ErrorDefinition] = {
    # general
    "Internal": ErrorDefinition(500, "The server met an unexpected condition. Quote the id {id} when you report it."),
    "NotFound": ErrorDefinition(404, "There is no resource at this address."),
    "FeatureUnsupported": ErrorDefinition(501, "This feature is not available on this back-end: {reason}"),
    "InfrastructureMaintenance": ErrorDefinition(503, "The service is under maintenance; please try again later."),
    "InfrastructureBusy": ErrorDefinition(503, "The service is busy; please try again later."),
    "UnsupportedApiVersion": ErrorDefinition(404, "API version '{version}' is not offered here."),
    "RequestTimeout": ErrorDefinition(408, "The request took longer than {limit_s} s. Run it as a batch job instead."),
    "NoDataForUpdate": ErrorDefinition(400, "The request holds nothing to update."),
    "PropertyNotEditable": ErrorDefinition(400, "The property '{property}' can't be changed."),
    "ContentTypeInvalid": ErrorDefinition(400, "This media type is not accepted. Allowed: {types}"),
    "RequestInvalid": ErrorDefinition(400, "The request is not valid: {reason}"),
    "RequestTooLarge": ErrorDefinition(413, "The request body is larger than {limit_bytes} bytes."),
    "MethodNotAllowed": ErrorDefinition(405, "This method is not allowed here. Allowed: {methods}"),
    # account
    "AuthenticationRequired": ErrorDefinition(401, "Please authenticate first."),
    "AuthenticationSchemeInvalid": ErrorDefinition(403, "This authentication method is not supported."),
    "TokenInvalid": ErrorDefinition(403, "The token is not valid or has expired. Please authenticate again."),
    "CredentialsInvalid": ErrorDefinition(403, "User name or password is not right."),
    "PermissionsInsufficient": ErrorDefinition(403, "You may not do this."),
    "PaymentRequired": ErrorDefinition(402, "The budget does not suffice for this request."),
    "BillingPlanInvalid": ErrorDefinition(400, "There is no billing plan of this name."),
    "BillingPlanMissing": ErrorDefinition(400, "A billing plan must be named."),
    "BudgetInvalid": ErrorDefinition(400, "The budget is too low."),
    # data
    "CollectionNotFound": ErrorDefinition(404, "There is no collection '{identifier}'.{suggestion}"),
    "StorageFailure": ErrorDefinition(500, "The file could not be stored: {reason}"),
    "StorageQuotaExceeded": ErrorDefinition(400, "Your storage quota is used up."),
    "FileNotFound": ErrorDefinition(404, "There is no file '{file}'."),
    "FilePathInvalid": ErrorDefinition(400, "The path is not valid: {reason}"),
    "FileOperationUnsupported": ErrorDefinition(400, "This operation is not possible for this path."),
    "FolderOperationUnsupported": ErrorDefinition(400, "This operation is possible for files only, not for folders."),
    "FileTypeInvalid": ErrorDefinition(400, "Files of type {type} are not accepted. Accepted: {types}"),
    "FileSizeExceeded": ErrorDefinition(400, "The file is too large; the limit is {size}."),
    "FileContentInvalid": ErrorDefinition(400, "The content of the file can't be read: {reason}"),
    "FileLocked": ErrorDefinition(400, "The file '{file}' is in use."),
    # processes
    "ProcessGraphNotFound": ErrorDefinition(404, "There is no user-defined process '{identifier}'."),
    "ProcessInvalid": ErrorDefinition(400, "This is not a valid process: {reason}"),
    "ProcessGraphMissing": ErrorDefinition(400, "The process holds no process graph."),
    "ProcessGraphInvalid": ErrorDefinition(400, "The process graph is not valid: {reason}"),
    "ProcessGraphComplexity": ErrorDefinition(400, "The process is too large to be run like this: {reason}"),
    "PredefinedProcessExists": ErrorDefinition(400, "A predefined process is already called '{process}'."),
    "ProcessUnsupported": ErrorDefinition(
        400, "There is no process '{process}' in the namespace '{namespace}'.{suggestion}"
    ),
    "ProcessParameterUnsupported": ErrorDefinition(
        400, "The process '{process}' has no parameter '{parameter}'.{suggestion}"
    ),
    "ProcessParameterInvalid": ErrorDefinition(
        400, "The value given for the parameter '{parameter}' of the process '{process}' is not valid: {reason}"
    ),
    "ProcessParameterRequired": ErrorDefinition(400, "The process '{process}' needs the parameter '{parameter}'."),
    "ProcessNamespaceInvalid": ErrorDefinition(
        400, "The process '{process}' is not to be had from the namespace '{namespace}': {reason}"
    ),
    "EstimateComplexity": ErrorDefinition(500, "The process is too complex to be estimated."),
    # jobs
    "JobNotFound": ErrorDefinition(404, "There is no batch job '{identifier}'."),
    "JobLocked": ErrorDefinition(400, "The batch job is queued or running and can't be changed now."),
    "JobNotFinished": ErrorDefinition(400, "The batch job has not finished yet."),
    "JobNotStarted": ErrorDefinition(400, "The batch job has not been started yet."),
    "JobFailed": ErrorDefinition(424, "The batch job has failed: {reason}"),
    "ResultLinkExpired": ErrorDefinition(410, "This link has expired. Please ask for the results again."),
    # services
    "ServiceNotFound": ErrorDefinition(404, "There is no service '{identifier}'."),
    "ServiceUnsupported": ErrorDefinition(400, "The service type '{type}' is not offered. Offered: {types}"),
    "ServiceConfigUnsupported": ErrorDefinition(400, "The service has no parameter '{parameter}'."),
    "ServiceConfigInvalid": ErrorDefinition(
        400, "The value given for the service parameter '{parameter}' is not valid: {reason}"
    ),
    "ServiceConfigRequired": ErrorDefinition(400, "The service needs the parameter '{parameter}'."),
    "TooManyRequests": ErrorDefinition(429, "Too many requests; please try again in {retry_after_s} s."),
    # exceptions that the processes declare
    "NoDataAvailable": ErrorDefinition(400, "There is no data for the given extents."),
    "TemporalExtentEmpty": ErrorDefinition(400, "The temporal extent is empty: its end must lie after its start."),
    "DimensionNotAvailable": ErrorDefinition(400, "There is no dimension '{dimension}'. Available: {available}"),
    "DimensionMissing": ErrorDefinition(400, "The data cube lacks a dimension of type {type}."),
    "DimensionAmbiguous": ErrorDefinition(400, "The data cube has several dimensions of type {type}: {available}"),
    "DimensionExists": ErrorDefinition(400, "There is already a dimension '{dimension}'."),
    "DimensionLabelCountMismatch": ErrorDefinition(400, "The dimension '{dimension}' has more than one label."),
    "DimensionMismatch": ErrorDefinition(400, "The temporal dimensions for resampling don't match: {reason}"),
    "TargetDimensionExists": ErrorDefinition(400, "There is already a dimension '{dimension}'."),
    "TooManyDimensions": ErrorDefinition(400, "The data cube has several temporal dimensions; name one: {available}"),
    "BandFilterParameterMissing": ErrorDefinition(400, "The process filter_bands needs bands or wavelengths."),
    "OverlapResolverMissing": ErrorDefinition(400, "The data cubes overlap, but no overlap resolver is given."),
    "IncompatibleGeometryTypes": ErrorDefinition(400, "Geometries of these types can't be merged."),
    "IncompatibleDataCubes": ErrorDefinition(400, "The data cubes don't fit together: {reason}"),
    "ArrayElementNotAvailable": ErrorDefinition(400, "The array has no element {element}."),
    "ArrayElementParameterMissing": ErrorDefinition(400, "The process array_element needs an index or a label."),
    "ArrayElementParameterConflict": ErrorDefinition(400, "The process array_element takes an index or a label."),
    "ArrayNotLabeled": ErrorDefinition(400, "The array has no labels."),
    "ArrayLabelConflict": ErrorDefinition(400, "At least one label stands in both arrays."),
    "MultiplicandMissing": ErrorDefinition(400, "A multiplication needs at least two numbers."),
    "DivisionByZero": ErrorDefinition(400, "Numbers can't be divided by zero."),
    "ArrayLengthMismatch": ErrorDefinition(400, "There are {values} values, but {labels} labels."),
    "LabelExists": ErrorDefinition(400, "There is already a label '{label}'."),
    "LabelsNotEnumerated": ErrorDefinition(400, "The labels of the dimension '{dimension}' are not 0, 1, 2, ..."),
    "LabelMismatch": ErrorDefinition(400, "There are {source} labels to be renamed, but {target} new ones."),
    "LabelNotAvailable": ErrorDefinition(400, "There is no label '{label}' in the dimension '{dimension}'."),
    "QuantilesParameterMissing": ErrorDefinition(400, "The process quantiles needs probabilities or q."),
    "QuantilesParameterConflict": ErrorDefinition(400, "The process quantiles takes probabilities or q, not both."),
    "AscendingProbabilitiesRequired": ErrorDefinition(400, "The probabilities must be given in ascending order."),
    "MinMaxSwapped": ErrorDefinition(400, "The minimum lies above the maximum."),
    "NirBandAmbiguous": ErrorDefinition(400, "The near infrared band can't be told; name it in `nir`."),
    "RedBandAmbiguous": ErrorDefinition(400, "The red band can't be told; name it in `red`."),
    "BandExists": ErrorDefinition(400, "There is already a band '{band}'."),
    "BandNotAvailable": ErrorDefinition(400, "There is no band '{band}'. Available: {available}{suggestion}"),
    "DistinctDimensionLabelsRequired": ErrorDefinition(400, "The labels of the dimension are not distinct."),
    "KernelDimensionsUneven": ErrorDefinition(400, "Rows and columns of the kernel must be uneven in number."),
    "GeometriesOverlap": ErrorDefinition(400, "The polygons overlap: a pixel must not belong to two of them."),
    "UnitMismatch": ErrorDefinition(
        400, "Distances are in metres, the coordinates of the geometries are not; use vector_reproject first."
    ),
    "CountMismatch": ErrorDefinition(400, "There are fewer points wanted than there are geometries."),
    "DataCubePropertiesImmutable": ErrorDefinition(
        400, "The process must give a cube with the dimensions and labels of the chunk that it got."
    ),
    "FormatUnsuitable": ErrorDefinition(400, "The data can't be stored as {format}: {reason}"),
    "PropertiesUnsupported": ErrorDefinition(400, "Properties can't be filtered for this STAC resource."),
    "DigitalElevationModelInvalid": ErrorDefinition(400, "The elevation model can't be used with this cube: {reason}"),
    "InvalidOgcApiProcess": ErrorDefinition(400, "There is no OGC API process '{process}'."),
    "DataCubeEmpty": ErrorDefinition(400, "The data cube is empty and can't be stored."),
    "SourceUnreadable": ErrorDefinition(500, "The file {file} of the collection can't be read at {window}: {reason}"),
}


class _Details(dict[str, object]):
    """Details of a message; what is not given reads as nothing."""

    def __missing__(self, key: str) -> str:
        return ""


class OpenEOError(Exception):
    """An error with an official code.

    Args:
        code: one of `ERRORS`.
        node: id of the process-graph node at fault (nested ones joined by `/`), if there is one.
        details: what fills the placeholders of the message. `message=` replaces the sentence.
    """

    def __init__(self, code: str, *, node: str | None = None, message: str | None = None, **details: object) -> None:
        definition = ERRORS[code]
        self.code = code
        self.status = definition.status
        self.node = node
        self.details = details
        self.id = str(uuid.uuid4())
        self.plain_message = message or definition.message.format_map(_Details(details, id=self.id))
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The sentence for the user, with the node at fault."""
        return f"Node '{self.node}': {self.plain_message}" if self.node else self.plain_message

    def at(self, node: str) -> OpenEOError:
        """The same error, placed at a node (an outer node stands before an inner one)."""
        placed = OpenEOError(self.code, node=f"{node}/{self.node}" if self.node else node, message=self.plain_message)
        placed.id = self.id
        placed.details = self.details
        return placed

    def to_json(self) -> dict[str, object]:
        """`{id, code, message, links}` as the API sends it."""
        return {"id": self.id, "code": self.code, "message": self.message, "links": []}


def suggest(word: str, known: list[str]) -> str:
    """` Did you mean 'x'?` when `word` is nearly one of `known`, else nothing."""
    import difflib

    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f" Did you mean '{near[0]}'?" if near else ""
