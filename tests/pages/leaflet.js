"use strict";
// show({kind, url, time, lon, lat, zoom}) draws one service and comes back when all of its tiles are there.

let map;

const layers = {
  XYZ: ({ url, time }) => L.tileLayer(withTime(url, "time", time)),
  WMS: ({ url, time }) =>
    L.tileLayer.wms(url, { layers: "map", format: "image/png", transparent: true, ...(time && { time }) }),
  WMTS: async ({ url, time }) => L.tileLayer(await wmtsTemplate(url, time)),
};

async function show(service) {
  const layer = await layers[service.kind](service);
  if (map) map.remove();
  map = L.map("map", { zoomControl: false, attributionControl: false, fadeAnimation: false, zoomAnimation: false });
  map.setView([service.lat, service.lon], service.zoom);
  await new Promise((resolve, reject) => {
    layer.on("tileerror", (event) => reject(new Error(`no tile ${event.tile.src}`)));
    layer.once("load", resolve);
    layer.addTo(map);
  });
}
