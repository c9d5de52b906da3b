"use strict";
// The view is kept in the address: #zoom/lon/lat/opacity/date
// The root element tells in data-state what the map shows: "loading", then "loaded" when every tile of the view is
// drawn, or "incomplete" when some could not be had.
(() => {
  const settings = JSON.parse(document.getElementById("settings").textContent);
  const element = (id) => document.getElementById(id);
  const times = settings.times;
  const state = { time: Math.max(0, times.indexOf(settings.time)), opacity: 100 };
  const BUSY = [429, 502, 503, 504]; // answers after which a tile is asked for again, after as many seconds as they say
  const ATTEMPTS = 6;
  const drawing = { wanted: 0, drawn: -1, failed: new Set() };

  const [west, south, east, north] = settings.bounds;
  const layer = new ol.layer.Tile();
  const labelled = {
    font: "12px system-ui, sans-serif",
    fill: new ol.style.Fill({ color: "#1c2530" }),
    stroke: new ol.style.Stroke({ color: "white", width: 3 }),
  };
  const graticule = new ol.layer.Graticule({
    strokeStyle: new ol.style.Stroke({ color: "rgba(60,70,80,0.35)", width: 1 }),
    showLabels: true,
    lonLabelPosition: 0.985, // at the top: below stand the scale and the attribution
    lonLabelStyle: new ol.style.Text({ ...labelled, textBaseline: "top" }),
    latLabelStyle: new ol.style.Text({ ...labelled, textAlign: "end" }),
    targetSize: 140,
    wrapX: false,
  });
  const mark = new ol.Overlay({ element: element("mark"), positioning: "center-center", stopEvent: false });
  const view = new ol.View({ center: [0, 0], zoom: 2, maxZoom: 24 });
  const map = new ol.Map({
    target: "map",
    layers: [layer, graticule],
    overlays: [mark],
    view,
    interactions: ol.interaction.defaults.defaults(), // a map that can have the focus would else move only when it has it
    controls: ol.control.defaults.defaults({ attributionOptions: { collapsible: false } }).extend([
      new ol.control.ScaleLine(),
      new ol.control.MousePosition({
        projection: "EPSG:4326",
        coordinateFormat: ol.coordinate.createStringXY(5),
        placeholder: "",
      }),
    ]),
  });

  // Each date has a source of its own: another address or `refresh` would leave tiles of the last date on the map
  // where those of the next are missing.
  function newSource() {
    const query = times.length ? `?time=${encodeURIComponent(times[state.time])}` : "";
    const source = new ol.source.XYZ({
      tileUrlFunction: ([z, x, y]) => settings.tiles.replace("{z}", z).replace("{x}", x).replace("{y}", y) + query,
      tileLoadFunction: (tile, address) => loadTile(tile, address, () => layer.getSource() === source),
      maxZoom: settings.maxZoom,
      tileSize: settings.tileSize,
      tilePixelRatio: 1,
      transition: 0,
      interpolate: false,
      attributions: settings.attribution ? [escaped(settings.attribution)] : [],
    });
    const failed = new Set();
    drawing.failed = failed;
    source.on("tileloaderror", (event) => failed.add(event.tile.getKey()));
    source.on("tileloadend", (event) => failed.delete(event.tile.getKey()));
    return source;
  }

  async function loadTile(tile, address, isWanted) {
    const picture = await pictureAt(address, isWanted).catch(() => null);
    if (!picture) {
      tile.setState(3); // failed
      return;
    }
    const image = tile.getImage();
    const url = URL.createObjectURL(picture);
    const release = () => URL.revokeObjectURL(url);
    image.addEventListener("load", release);
    image.addEventListener("error", release);
    image.src = url;
  }

  async function pictureAt(address, isWanted) {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const answer = await fetch(address);
      if (answer.ok) return answer.blob();
      if (!BUSY.includes(answer.status) || !isWanted()) break;
      const seconds = Number(answer.headers.get("Retry-After")) || 1;
      await new Promise((resolve) => setTimeout(resolve, 1000 * Math.min(seconds, 10)));
    }
    return null;
  }

  function escaped(text) {
    const span = document.createElement("span");
    span.textContent = text;
    return span.innerHTML;
  }

  function showAll() {
    const extent = ol.proj.transformExtent([west, south, east, north], "EPSG:4326", "EPSG:3857");
    view.fit(extent, { padding: [20, 20, 20, 20], maxZoom: settings.maxZoom });
  }

  function readAddress() {
    const parts = decodeURIComponent(location.hash.slice(1)).split("/");
    const [zoom, lon, lat, opacity] = parts.slice(0, 4).map(Number);
    if (parts.length < 4 || ![zoom, lon, lat, opacity].every(Number.isFinite)) return false;
    view.setCenter(ol.proj.fromLonLat([lon, lat]));
    view.setZoom(zoom);
    state.opacity = Math.min(100, Math.max(0, opacity));
    const time = times.indexOf(parts[4]);
    if (time >= 0) state.time = time;
    return true;
  }

  function address() {
    const [lon, lat] = ol.proj.toLonLat(view.getCenter());
    const parts = [view.getZoom().toFixed(2), lon.toFixed(5), lat.toFixed(5), state.opacity];
    if (times.length) parts.push(times[state.time]);
    return `#${parts.join("/")}`;
  }

  function show() {
    layer.setOpacity(state.opacity / 100);
    element("opacity").value = state.opacity;
    element("percent").textContent = `${state.opacity} %`;
    if (!times.length) return;
    element("time").value = state.time;
    element("date").textContent = times[state.time];
    element("earlier").disabled = state.time === 0;
    element("later").disabled = state.time === times.length - 1;
  }

  function tell(word) {
    document.documentElement.dataset.state = word;
    element("trouble").hidden = word !== "incomplete";
  }

  // From here on a frame counts only if it begins later.
  function drawAgain() {
    drawing.wanted += 1;
    tell("loading");
    map.render();
  }

  function drawn() {
    if (view.getAnimating() || view.getInteracting()) return; // another frame follows
    if (drawing.drawn === drawing.wanted) tell(drawing.failed.size ? "incomplete" : "loaded");
  }

  function load() {
    layer.setSource(newSource());
    drawAgain();
  }

  function setTime(index) {
    const next = Math.min(times.length - 1, Math.max(0, index));
    if (next === state.time) return;
    state.time = next;
    load();
    changed();
    if (mark.getPosition()) showValues(mark.getPosition());
  }

  function setOpacity(percent) {
    state.opacity = percent;
    changed();
    drawAgain();
  }

  function changed() {
    show();
    history.replaceState(null, "", address());
  }

  // Of several questions only the last one's answer is shown.
  let asked = 0;

  async function showValues(coordinate) {
    const number = (asked += 1);
    const target = element("values");
    mark.setPosition(coordinate);
    target.setAttribute("aria-busy", "true");
    const shown = await valuesAt(...ol.proj.toLonLat(coordinate));
    if (number !== asked) return;
    target.replaceChildren(shown);
    target.removeAttribute("aria-busy");
  }

  async function valuesAt(lon, lat) {
    if (lon < west || lon > east || lat < south || lat > north) return "There is nothing here.";
    const query = times.length ? `?time=${encodeURIComponent(times[state.time])}` : "";
    try {
      const answer = await fetch(`${settings.point}${lon.toFixed(7)},${lat.toFixed(7)}${query}`);
      const found = await answer.json();
      return answer.ok ? tableOf(lon, lat, found) : found.message;
    } catch {
      return "The values could not be had. Click again.";
    }
  }

  function tableOf(lon, lat, found) {
    const rows = [["lon, lat", `${lon.toFixed(5)}, ${lat.toFixed(5)}`]];
    if (found.time) rows.push(["date", found.time]);
    found.band_names.forEach((name, i) => rows.push([name, found.values[i] === null ? "no data" : String(found.values[i])]));
    const table = document.createElement("table");
    for (const [name, value] of rows) {
      const row = table.insertRow();
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = name;
      row.append(head);
      row.insertCell().textContent = value;
    }
    return table;
  }

  async function copy(text, button) {
    const label = button.textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.nextElementSibling?.select();
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => { button.textContent = label; }, 1500);
  }

  if (!readAddress()) showAll();
  layer.setSource(newSource());
  if (times.length) {
    element("dates").hidden = false;
    element("dates").querySelector(".row").hidden = times.length === 1;
    element("time").max = times.length - 1;
    element("time").addEventListener("input", (event) => setTime(Number(event.target.value)));
    element("earlier").addEventListener("click", () => setTime(state.time - 1));
    element("later").addEventListener("click", () => setTime(state.time + 1));
  }
  element("opacity").addEventListener("input", (event) => setOpacity(Number(event.target.value)));
  element("again").addEventListener("click", load);
  document.querySelectorAll(".copy").forEach((button) => {
    button.addEventListener("click", () => copy(button.dataset.address, button));
  });
  element("link").addEventListener("click", (event) => copy(new URL(address(), location).href, event.target));
  map.on("precompose", () => { drawing.drawn = drawing.wanted; });
  map.on("movestart", () => tell("loading"));
  map.on("rendercomplete", drawn);
  map.on("moveend", changed);
  map.on("singleclick", (event) => showValues(event.coordinate));
  show();
  drawAgain();
})();
