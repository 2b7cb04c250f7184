// Asks for the next update when the last one is drawn, so that a slow browser skips frames instead of lagging.

import {Chart} from "./chart.js";

const STALE_S = 2;
const RETRY_MS = 1000;
const byId = name => document.getElementById(name);
const chart = new Chart(byId("chart"), byId("legend"));
const arrivals = [];   // seconds of the last frames
let shown = null;      // URL of the picture on the page
let reason = "";       // why nothing arrives, in the node's words
let connected = false;

const nowS = () => performance.now() / 1000;
const metres = value => value === null ? "–" : value.toFixed(3);

function connect() {
  const socket = new WebSocket(`ws://${location.host}/live`);
  socket.binaryType = "blob";
  socket.onopen = () => { connected = true; socket.send("next"); };
  socket.onclose = () => { connected = false; showStatus(); setTimeout(connect, RETRY_MS); };
  socket.onmessage = async event => {
    if (typeof event.data === "string") {
      const update = JSON.parse(event.data);
      if ("status" in update) reason = update.status;
      if (update.objects) showObjects(update.objects);
      showStatus();
      if (update.picture) return;  // it follows
    } else {
      await showPicture(event.data);
    }
    // A page in the background draws nothing, and asks for nothing.
    if (document.hidden) await new Promise(resolve => document.addEventListener("visibilitychange", resolve, {once: true}));
    requestAnimationFrame(() => socket.readyState === WebSocket.OPEN && socket.send("next"));
  };
}

async function showPicture(blob) {
  const url = URL.createObjectURL(blob), picture = byId("picture");
  picture.src = url;
  await picture.decode().catch(() => {});
  picture.hidden = false;
  byId("no-picture").hidden = true;
  if (shown) URL.revokeObjectURL(shown);
  shown = url;
}

function showObjects(frame) {
  arrivals.push(nowS());
  while (arrivals.length > 30) arrivals.shift();
  const names = new Map(frame.objects.map(item => [item.id, `${item.id} ${item.category}`]));
  byId("rows").replaceChildren(...frame.objects.map(item => row(item, names)));
  byId("objects-title").textContent = frame.objects.length === 1 ? "1 object" : `${frame.objects.length} objects`;
  byId("models").textContent = `Depth: ${frame.depth_model}. Masks: ${frame.segmentation_model}. ` +
    "Distance is the median planar depth over the object.";
  chart.add(frame.objects, nowS());
  chart.draw(nowS());
}

// A name that may be broken after its underscores, so that a narrow table fits.
function breakable(name) {
  return name.split(/(?<=_)/).flatMap((part, index) => index ? [document.createElement("wbr"), part] : [part]);
}

function row(item, names) {
  const line = document.createElement("tr");
  const swatch = document.createElement("span");
  swatch.className = "swatch";
  swatch.style.background = item.colour;
  const cells = [
    [item.id], [swatch, ...breakable(item.category)], [metres(item.distance.median)], [metres(item.distance.min)],
    [metres(item.distance.max)], breakable(names.get(item.parent_id) ?? "floor"), [item.score === null ? "–" : item.score.toFixed(2)],
  ];
  line.append(...cells.map((content, index) => {
    const cell = document.createElement("td");
    if ([2, 3, 4, 6].includes(index)) cell.className = "number";
    cell.append(...content);
    return cell;
  }));
  return line;
}

function showStatus() {
  const age = arrivals.length ? nowS() - arrivals[arrivals.length - 1] : Infinity;
  const recent = arrivals.filter(at => at > nowS() - 5);
  let text = "waiting for objects", state = "";
  if (!connected) {
    [text, state] = ["The node is gone. The page connects again by itself.", "bad"];
  } else if (age < STALE_S) {
    const hz = recent.length > 1 ? (recent.length - 1) / (recent[recent.length - 1] - recent[0]) : 0;
    [text, state] = [`live, ${hz.toFixed(1)} frames/s`, "good"];
  } else if (reason) {
    [text, state] = [reason, "bad"];
  } else if (Number.isFinite(age)) {
    [text, state] = [`last frame ${age.toFixed(0)} s ago`, "bad"];
  }
  const status = byId("status");
  if (status.textContent !== text) status.textContent = text;
  status.className = state;
  document.body.classList.toggle("stale", age >= STALE_S);
}

setInterval(showStatus, 1000);
window.addEventListener("resize", () => chart.draw(nowS()));
connect();
