"""Run by QGIS's own Python: load layers and draw each into a PNG, or read its values.

Reads a JSON list from standard input: {name, provider, uri, crs, extent, size, out, values}. Prints a JSON object of
results by name. `values` asks for a block of band 1 as numbers instead of a picture.
"""

import json
import sys

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsNetworkAccessManager,
    QgsRasterLayer,
    QgsRectangle,
)
from qgis.PyQt.QtCore import QSize, Qt
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
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(task["out"])
    return {"errors": [error.message for error in job.errors()]}


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
        layer = QgsRasterLayer(task["uri"], task["name"], task["provider"])
        if not layer.isValid():
            found[task["name"]] = {"invalid": layer.error().message() or "not valid"}
        elif task.get("values"):
            found[task["name"]] = read(layer, task)
        else:
            found[task["name"]] = drawn(layer, task)
        del layer
    print(json.dumps(found))
    application.exitQgis()


main()
