"""Run by QGIS's own Python: load layers and draw each into a PNG, or read its values.

Reads a JSON list from standard input: {name, provider, uri, crs, extent, size, out, values}. Prints a JSON object of
results by name. `values` asks for a block of band 1 as numbers instead of a picture. Instead of a uri, `browse` may
give the address of a WMS, of which the layer is opened as from QGIS's browser; `frame` is then one of the temporal
controller: its start and end, and the name of the layer's time slice mode.
"""

import json
import sys

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsDateTimeRange,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsNetworkAccessManager,
    QgsRasterDataProviderTemporalCapabilities,
    QgsRasterLayer,
    QgsRectangle,
    QgsSettings,
)
from qgis.PyQt.QtCore import QDateTime, QSize, Qt
from qgis.PyQt.QtGui import QColor, QImage

NETWORK_TIMEOUT_MS = 300_000  # QGIS leaves out a tile that takes longer, and says nothing


def drawn(layer, task):
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(QgsCoordinateReferenceSystem(task["crs"]))
    settings.setExtent(QgsRectangle(*task["extent"]))
    settings.setOutputSize(QSize(*task["size"]))
    settings.setOutputImageFormat(QImage.Format_ARGB32)
    settings.setBackgroundColor(QColor(Qt.transparent))
    if "frame" in task:
        start, end, mode = task["frame"]
        settings.setIsTemporal(True)
        settings.setTemporalRange(QgsDateTimeRange(*(QDateTime.fromString(text, Qt.ISODate) for text in (start, end))))
        method = getattr(QgsRasterDataProviderTemporalCapabilities, mode)
        layer.temporalProperties().setIntervalHandlingMethod(method)
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(task["out"])
    return {"errors": [error.message for error in job.errors()]}


def browsed(address):
    """What the browser panel makes of a connection to a WMS: the uri of its first layer."""
    QgsSettings().setValue("qgis/connections-wms/service/url", address)
    provider = next(one for one in QgsApplication.dataItemProviderRegistry().providers() if one.name() == "WMS")
    return provider.createDataItem("wms:/service", None).createChildren()[0].uri()


def dates_of(layer):
    """The dates that QGIS knows of a layer, and whether the temporal controller moves it."""
    ranges = layer.dataProvider().temporalCapabilities().allAvailableTemporalRanges()
    dates = [one.begin().toUTC().toString(Qt.ISODate) for one in ranges]
    return {"dates": dates, "follows": layer.temporalProperties().isActive()}


def read(layer, task):
    columns, rows = task["size"]
    block = layer.dataProvider().block(task.get("band", 1), QgsRectangle(*task["extent"]), columns, rows)
    return {"values": [[block.value(row, column) for column in range(columns)] for row in range(rows)]}


def main():
    application = QgsApplication([], False)
    application.initQgis()
    QgsNetworkAccessManager.setTimeout(NETWORK_TIMEOUT_MS)
    found = {}
    for task in json.load(sys.stdin):
        uri = browsed(task["browse"]) if "browse" in task else task["uri"]
        layer = QgsRasterLayer(uri, task["name"], task["provider"])
        if not layer.isValid():
            found[task["name"]] = {"invalid": layer.error().message() or "not valid"}
        elif task.get("values"):
            found[task["name"]] = read(layer, task)
        else:
            found[task["name"]] = drawn(layer, task) | (dates_of(layer) if "browse" in task else {})
        del layer
    print(json.dumps(found))
    application.exitQgis()


main()
