"use strict";
// What a web application of another origin may ask of a back-end, and what it then can see.

let map;

// The answer as a script sees it: without headers that the back-end does not expose.
async function ask(url, { method = "GET", body, token, headers = {} } = {}) {
  const sent = { ...headers };
  if (token) sent.Authorization = `Bearer ${token}`;
  if (body !== undefined) sent["Content-Type"] = "application/json";
  const answer = await fetch(url, { method, headers: sent, body: body === undefined ? undefined : JSON.stringify(body) });
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const type = answer.headers.get("Content-Type") || "";
  return {
    status: answer.status,
    headers: Object.fromEntries(answer.headers),
    size: bytes.length,
    start: [...bytes.slice(0, 4)],
    json: bytes.length && type.includes("json") ? JSON.parse(new TextDecoder().decode(bytes)) : null,
  };
}

async function draw(layer, source, view) {
  if (map) map.setTarget(null);
  map = new ol.Map({ target: "map", controls: [], layers: [layer], view });
  await new Promise((resolve, reject) => {
    source.on("tileloaderror", (event) => reject(new Error(`no tile ${event.tile.getKey()}`)));
    map.once("rendercomplete", resolve);
  });
}

function viewAt({ lon, lat, zoom }) {
  return new ol.View({ center: ol.proj.fromLonLat([lon, lat]), zoom });
}

// An address to which the application adds what it wants, as it stands.
async function showXyz(service, place) {
  const source = new ol.source.XYZ({ url: `${service.url}?__session=${Date.now()}` });
  await draw(new ol.layer.Tile({ source }), source, viewAt(place));
}

// Asks for a matrix set by the name of the reference system, reads dates off the capabilities, then asks for a day.
async function showWmts(service, place, day) {
  const url = new URL(service.url);
  url.searchParams.set("service", "wmts");
  url.searchParams.set("request", "GetCapabilities");
  const capabilities = new ol.format.WMTSCapabilities().read(await (await fetch(url)).text());
  const [name] = service.attributes.layers;
  const options = ol.source.WMTS.optionsFromCapabilities(capabilities, { layer: name, matrixSet: "EPSG:3857" });
  const dimension = capabilities.Contents.Layer.find((layer) => layer.Identifier === name).Dimension?.find(
    (one) => one.Identifier === "TIME"
  );
  const preset = options.dimensions.TIME;
  const source = new ol.source.WMTS(options);
  if (day) source.updateDimensions({ TIME: day });
  await draw(new ol.layer.Tile({ source }), source, viewAt(place));
  return { projection: options.projection.getCode(), times: dimension?.Value, preset };
}

// A cloud-optimised GeoTIFF by ranges of bytes: its values at a coordinate of its own reference system.
async function valuesOfCog(url, coordinate) {
  const source = new ol.source.GeoTIFF({ sources: [{ url }], normalize: false, interpolate: false });
  const options = await new Promise((resolve, reject) => {
    source.on("change", () => source.getState() === "error" && reject(source.getError()));
    source.getView().then(resolve, reject);
  });
  const layer = new ol.layer.WebGLTile({ source });
  const view = new ol.View({ ...options, center: coordinate, resolution: options.resolutions.at(-1) });
  await draw(layer, source, view);
  return [...layer.getData(map.getPixelFromCoordinate(coordinate))];
}
