import { readSelection, writeLast, writeSelection } from "./selection.js";

// The window that shows the grey values 0 to 255 as they are stored.
const STORED = { width: 256, level: 128 };
// Grey values for a pixel of the mouse's way, and for a key.
const DRAG = 0.5;
const STEP = 16;
const OUTLINE = [255, 212, 0];
const STORE = "synaxial display";

const element = (id) => document.getElementById(id);
const width = element("width");
const level = element("level");
const outline = element("outline");
const select = element("select");
const views = [];

// The display stays from image to image, as long as the tab is open.
function restore() {
  let kept = STORED;
  try { kept = { ...STORED, ...JSON.parse(sessionStorage.getItem(STORE)) }; } catch { /* There is no storage. */ }
  width.value = kept.width;
  level.value = kept.level;
  if (outline !== null) outline.checked = Boolean(kept.outline);
}

function keep() {
  let kept = {};
  try { kept = JSON.parse(sessionStorage.getItem(STORE)) ?? {}; } catch { /* There is no storage. */ }
  kept = { ...kept, width: Number(width.value), level: Number(level.value) };
  if (outline !== null) kept.outline = outline.checked;
  try { sessionStorage.setItem(STORE, JSON.stringify(kept)); } catch { /* There is no storage. */ }
}

// The linear window of DICOM (PS3.3, C.11.2.1.2.1), which rounds and clips.
function windowed() {
  const [w, c] = [Number(width.value), Number(level.value)];
  return Uint8ClampedArray.from({ length: 256 }, (_, x) =>
    w > 1 ? 255 * ((x - (c - 0.5)) / (w - 1) + 0.5) : 255 * (x > c - 0.5));
}

function pixelsOf(image) {
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  // The pixels are computed here, not on a graphics card.
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return { canvas, context, pixels: context.getImageData(0, 0, canvas.width, canvas.height) };
}

// The places of the mask's pixels that have a neighbour outside, or the border.
function borderOf({ data, width: columns, height: rows }) {
  const inside = (row, column) =>
    row >= 0 && row < rows && column >= 0 && column < columns && data[4 * (row * columns + column)] > 127;
  const found = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (inside(row, column) && !(inside(row - 1, column) && inside(row + 1, column)
        && inside(row, column - 1) && inside(row, column + 1))) found.push(row * columns + column);
    }
  }
  return found;
}

function draw() {
  const table = windowed();
  for (const { context, pixels, border } of views) {
    const shown = new ImageData(pixels.data.map((value, at) => (at % 4 === 3 ? value : table[value])), pixels.width);
    if (outline?.checked) for (const at of border) shown.data.set(OUTLINE, 4 * at);
    context.putImageData(shown, 0, 0);
  }
  const stored = Number(width.value) === STORED.width && Number(level.value) === STORED.level;
  element("shown").textContent =
    `Window width ${width.value}, level ${level.value}${stored ? ": grey values as stored" : ""}`;
  keep();
}

function set(newWidth, newLevel) {
  // A slider rounds, and stays within its ends.
  width.value = newWidth;
  level.value = newLevel;
  draw();
}

function reset() { set(STORED.width, STORED.level); }

function dragged(canvas) {
  let start = null;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    start = { x: event.clientX, y: event.clientY, width: Number(width.value), level: Number(level.value) };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (start === null) return;
    set(start.width + DRAG * (event.clientX - start.x), start.level + DRAG * (event.clientY - start.y));
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { start = null; });
  canvas.addEventListener("dblclick", reset);
}

async function show(image) {
  await image.decode();
  const view = { ...pixelsOf(image), border: [] };
  const mask = element("mask");
  if (image.id === "generated" && mask !== null) {
    await mask.decode();
    view.border = borderOf(pixelsOf(mask).pixels);
  }
  const { canvas } = view;
  canvas.id = image.id;
  canvas.className = image.className;
  canvas.role = "img";
  canvas.ariaLabel = image.alt;
  dragged(canvas);
  image.replaceWith(canvas);
  views.push(view);
}

function choose() {
  const chosen = readSelection();
  if (select.checked) chosen.add(select.value);
  else chosen.delete(select.value);
  writeSelection(chosen);
}

const KEYS = {
  ArrowLeft: () => document.querySelector("a[rel=prev]")?.click(),
  ArrowRight: () => document.querySelector("a[rel=next]")?.click(),
  w: () => set(Number(width.value) + STEP, level.value),
  n: () => set(width.value - STEP, level.value),
  b: () => set(width.value, level.value - STEP),
  d: () => set(width.value, Number(level.value) + STEP),
  r: reset,
  m: () => outline?.click(),
  s: () => select.click(),
};

function press(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  // The arrows move a slider that has the focus.
  if (event.target.type === "range" && event.key.startsWith("Arrow")) return;
  const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (act === undefined) return;
  event.preventDefault();
  act();
}

restore();
writeLast(select.value);
// A picture that is damaged stays away, and the other one is shown.
await Promise.allSettled(["generated", "nearest"].map(element).filter(Boolean).map(show));
select.checked = readSelection().has(select.value);
for (const input of [width, level]) input.addEventListener("input", draw);
outline?.addEventListener("change", draw);
select.addEventListener("change", choose);
element("reset").addEventListener("click", reset);
addEventListener("keydown", press);
element("controls").hidden = false;
draw();
