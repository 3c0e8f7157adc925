import { readLast, readSelection, writeSelection } from "./selection.js";

// Milliseconds without a change of a filter after which the images follow.
const PAUSE = 150;

const element = (id) => document.getElementById(id);
const filters = element("filters");
const chosen = readSelection();
let waiting = null;
let running = null;

// The filters that differ from "all", so that an address stays valid when more images are loaded.
function query() {
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(filters)) {
    const { type, min, max } = filters.elements[name];
    const bound = name.endsWith("_from") ? min : max;
    const open = type === "range" && Number(value) === Number(bound);
    if (value !== "" && !open) fields.set(name, value);
  }
  return fields.size ? `?${fields}` : "";
}

function showSlider(slider) {
  const [from, to] = slider.querySelectorAll("input");
  // A browser drops the last zero of 0.90.
  const digits = (from.step.split(".")[1] ?? "").length;
  const [low, high] = [from, to].map((input) => Number(input.value).toFixed(digits));
  slider.parentElement.querySelector("output").textContent = `${low} to ${high}`;
  const place = (input) => (input.value - input.min) / (input.max - input.min);
  slider.style.setProperty("--from", place(from));
  slider.style.setProperty("--to", place(to));
}

// Where both ends of a slider were when the mouse took one of them, if they were in one place.
let joint = null;

function take(event) {
  const ends = [...event.target.closest(".slider")?.querySelectorAll("input") ?? []];
  const [from, to] = ends.map((input) => Number(input.value));
  joint = from === to ? from ?? null : null;
}

function change(event) {
  const slider = event.target.closest(".slider");
  if (slider !== null) {
    const [from, to] = slider.querySelectorAll("input");
    const value = Number(event.target.value);
    if (joint !== null) {
      // The mouse takes the upper end, which covers the lower one, but may move to either side.
      from.value = Math.min(joint, value);
      to.value = Math.max(joint, value);
    } else if (Number(from.value) > Number(to.value)) {
      // An end that meets the other one moves it along.
      (event.target === from ? to : from).value = value;
    }
    showSlider(slider);
  }
  clearTimeout(waiting);
  waiting = setTimeout(update, PAUSE);
}

async function update() {
  running?.abort();
  const mine = running = new AbortController();
  const address = `/${query()}`;
  element("groups").ariaBusy = "true";
  try {
    const answer = await fetch(address, { signal: mine.signal });
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    history.replaceState(null, "", address);
    for (const id of ["total", "complaint", "groups", "all"]) {
      element(id).replaceChildren(...page.getElementById(id).childNodes);
    }
    element("export").action = page.getElementById("export").getAttribute("action");
    showSelection();
  } catch (error) {
    if (mine.signal.aborted) return;
    element("complaint").textContent = `The server does not answer: ${error.message}`;
  }
  element("groups").ariaBusy = "false";
}

function showSelection() {
  for (const box of document.querySelectorAll("[name=image]")) box.checked = chosen.has(box.value);
  element("chosen").textContent = `${chosen.size} selected`;
  element("clear").hidden = chosen.size === 0;
  document.querySelector("[value=selected]").disabled = chosen.size === 0;
}

function choose(event) {
  if (event.target.name !== "image") return;
  if (event.target.checked) chosen.add(event.target.value);
  else chosen.delete(event.target.value);
  writeSelection(chosen);
  showSelection();
}

function clear() {
  chosen.clear();
  writeSelection(chosen);
  showSelection();
  // The button that had the focus is gone.
  document.querySelector("[name=as]").focus();
}

// Selected images count also when the filters or the page do not show them.
function complete(event) {
  event.formData.delete("image");
  for (const id of chosen) event.formData.append("image", id);
}

// The image that was seen last has the focus again.
function returnTo() {
  const last = readLast();
  if (last !== null) document.querySelector(`.grid a[href^="/image/${last}?"], .grid a[href$="/image/${last}"]`)?.focus();
}

filters.addEventListener("pointerdown", take);
for (const end of ["pointerup", "pointercancel"]) addEventListener(end, () => { joint = null; });
filters.addEventListener("input", change);
filters.addEventListener("submit", (event) => { event.preventDefault(); update(); });
element("export").addEventListener("change", choose);
element("export").addEventListener("formdata", complete);
element("clear").addEventListener("click", clear);
document.querySelectorAll(".slider").forEach(showSlider);
showSelection();
returnTo();
// A page that the browser kept in its history has an older selection.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  returnTo();
  chosen.clear();
  readSelection().forEach((id) => chosen.add(id));
  showSelection();
});
