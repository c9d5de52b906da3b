"use strict";
// The template of the tiles of a WMTS, as users of libraries without WMTS take it from the capabilities.

async function wmtsTemplate(address, time) {
  const answer = await fetch(address);
  const xml = new DOMParser().parseFromString(await answer.text(), "application/xml");
  const resource = [...xml.getElementsByTagName("ResourceURL")].find((one) => one.getAttribute("resourceType") === "tile");
  const preset = xml.querySelector("Layer > Dimension > Default");
  const filled = { TileMatrixSet: "WebMercatorQuad", TileMatrix: "{z}", TileRow: "{y}", TileCol: "{x}" };
  filled.TIME = time || (preset && preset.textContent);
  return resource.getAttribute("template").replace(/\{(\w+)\}/g, (whole, name) => filled[name] ?? whole);
}

function withTime(address, name, time) {
  if (!time) return address;
  return `${address}${address.includes("?") ? "&" : "?"}${name}=${encodeURIComponent(time)}`;
}
