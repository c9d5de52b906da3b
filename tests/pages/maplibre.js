// show({kind, url, time, lon, lat, zoom}) draws one service and comes back when all of its tiles are there.
import * as maplibre from "/maplibre/maplibre-gl.mjs";

let map;

const getMap =
  "service=WMS&version=1.3.0&request=GetMap&layers=map&styles=&crs=EPSG:3857&width=256&height=256" +
  "&format=image/png&transparent=true&bbox={bbox-epsg-3857}";

const templates = {
  XYZ: ({ url, time }) => withTime(url, "time", time),
  WMS: ({ url, time }) => withTime(`${url}?${getMap}`, "time", time),
  WMTS: ({ url, time }) => wmtsTemplate(url, time),
};

globalThis.show = async (service) => {
  const tiles = [await templates[service.kind](service)];
  if (map) map.remove();
  map = new maplibre.Map({
    container: "map",
    attributionControl: false,
    fadeDuration: 0,
    center: [service.lon, service.lat],
    zoom: service.zoom - 1, // of its own tiles of 512 pixels
    style: {
      version: 8,
      sources: { service: { type: "raster", tiles, tileSize: 256 } },
      layers: [{ id: "service", type: "raster", source: "service", paint: { "raster-fade-duration": 0 } }],
    },
  });
  await new Promise((resolve, reject) => {
    map.on("error", (event) => reject(event.error));
    map.once("idle", resolve);
  });
};
