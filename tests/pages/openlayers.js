"use strict";
// show({kind, url, time, lon, lat, zoom}) draws one service and comes back when all of its tiles are there.

let map;

const sources = {
  XYZ: ({ url, time }) => new ol.source.XYZ({ url: withTime(url, "time", time) }),
  WMS: ({ url, time }) => new ol.source.TileWMS({ url, params: { LAYERS: "map", ...(time && { TIME: time }) } }),
  WMTS: async ({ url, time }) => {
    const capabilities = new ol.format.WMTSCapabilities().read(await (await fetch(url)).text());
    const options = ol.source.WMTS.optionsFromCapabilities(capabilities, { layer: "map", projection: "EPSG:3857" });
    const source = new ol.source.WMTS(options);
    if (time) source.updateDimensions({ TIME: time });
    return source;
  },
};

async function show(service) {
  const source = await sources[service.kind](service);
  if (map) map.setTarget(null);
  map = new ol.Map({
    target: "map",
    controls: [],
    layers: [new ol.layer.Tile({ source })],
    view: new ol.View({ center: ol.proj.fromLonLat([service.lon, service.lat]), zoom: service.zoom }),
  });
  await new Promise((resolve, reject) => {
    source.on("tileloaderror", (event) => reject(new Error(`no tile ${event.tile.getKey()}`)));
    map.once("rendercomplete", resolve);
  });
}
