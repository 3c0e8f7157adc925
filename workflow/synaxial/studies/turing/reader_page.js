"use strict";
(() => {
  const { page, size, scale: largest, images } = JSON.parse(document.getElementById("data").textContent);
  const element = (id) => document.getElementById(id);
  const STORE = `synaxial turing ${page}`;
  const KEYS = { r: "real", g: "generated", d: "grid", b: "blur", a: "anatomy", c: "contrast", o: "other" };
  // The state of the reading; `answers` are those of the first images, in order.
  let state = null;
  let shownAt = null;

  // Some browsers have no storage for local files or in private windows.
  const store = {
    read() {
      try {
        const found = JSON.parse(localStorage.getItem(STORE));
        return found && Array.isArray(found.answers) && found.answers.length <= images.length
          ? found : null;
      } catch { return null; }
    },
    write() {
      try { localStorage.setItem(STORE, JSON.stringify(state)); return true; } catch { return false; }
    },
    clear() { try { localStorage.removeItem(STORE); } catch { /* There is no storage. */ } },
    works() {
      try {
        localStorage.setItem(`${STORE} test`, "1");
        localStorage.removeItem(`${STORE} test`);
        return true;
      } catch { return false; }
    },
  };

  function open(id) {
    for (const section of document.querySelectorAll("section")) section.hidden = section.id !== id;
    document.querySelector(`#${id} h1`).focus();
    scrollTo(0, 0);
  }

  function start() {
    state = store.read();
    element("forgetful").hidden = store.works();
    element("unfinished").hidden = state === null;
    element("reader").hidden = state !== null;
    if (state !== null) {
      element("who").textContent = state.reader.name;
      element("how-many").textContent = `${state.answers.length} of ${images.length} images`;
    }
    open("start");
  }

  // Whole factors only, so that all pixels have the same size; smaller in a narrow window.
  function scale() {
    const room = Math.min(document.documentElement.clientWidth - 24, screen.width || Infinity);
    return Math.max(1, Math.min(largest, Math.floor(room / size)));
  }

  function fit() {
    element("image").width = element("image").height = size * scale();
  }

  async function show() {
    const place = state.answers.length;
    if (place === images.length) { finish(); return; }
    const image = element("image");
    shownAt = null;
    element("trial").ariaBusy = "true";
    element("judgement").reset();
    complete();
    element("place").textContent = `Image ${place + 1} of ${images.length}`;
    element("progress").max = images.length;
    element("progress").value = place;
    image.src = `data:image/png;base64,${images[place].png}`;
    image.alt = `Image ${place + 1}, an axial slice of a head`;
    fit();
    await image.decode();
    open("trial");
    element("trial").ariaBusy = "false";
    shownAt = performance.now();
  }

  const chosen = (name) =>
    [...document.querySelectorAll(`#judgement [name=${name}]:checked`)].map((input) => input.value);

  function complete() {
    element("next").disabled = chosen("answer").length === 0 || chosen("confidence").length === 0;
  }

  function answer(event) {
    event.preventDefault();
    if (element("next").disabled || shownAt === null) return;
    state.answers.push({
      image: images[state.answers.length].image,
      answer: chosen("answer")[0],
      confidence: Number(chosen("confidence")[0]),
      reasons: chosen("reason"),
      seconds: Math.round(performance.now() - shownAt) / 1000,
    });
    store.write();
    show();
  }

  function finish() {
    const all = state.answers.length === images.length;
    element("outcome").textContent = all
      ? `All ${images.length} images are answered.`
      : `${state.answers.length} of ${images.length} images are answered.`;
    element("back").hidden = all;
    open("end");
  }

  function save() {
    const content = {
      format: "synaxial turing answers 1",
      page,
      reader: state.reader,
      started: state.started,
      saved: new Date().toISOString(),
      display: { scale: scale(), device_pixel_ratio: devicePixelRatio },
      answers: state.answers,
    };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(
      new Blob([JSON.stringify(content, null, 1)], { type: "application/json" }));
    const name = state.reader.name.normalize("NFKD").replace(/[^A-Za-z0-9]+/g, "_") || "reader";
    link.download = `answers_${page.slice(0, 8)}_${name}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  }

  function press(event) {
    const typed = event.target instanceof HTMLInputElement && ["text", "number"].includes(event.target.type);
    // An image that is not visible yet cannot be answered.
    if (element("trial").hidden || shownAt === null || typed || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
    const key = event.key.toLowerCase();
    if (key === "enter" && !(event.target instanceof HTMLButtonElement)) {
      event.preventDefault();
      element("judgement").requestSubmit();
    }
    const value = KEYS[key] ?? (/^[1-5]$/.test(key) ? key : null);
    if (value === null) return;
    event.preventDefault();
    // The progress bar has a value too.
    document.querySelector(`#judgement input[value="${value}"]`).click();
  }

  element("reader").addEventListener("submit", (event) => {
    event.preventDefault();
    state = {
      reader: { name: element("name").value.trim(), years: Number(element("years").value) },
      started: new Date().toISOString(),
      answers: [],
    };
    if (state.reader.name === "") { state = null; element("name").value = ""; return; }
    store.write();
    show();
  });
  element("continue").addEventListener("click", show);
  element("back").addEventListener("click", show);
  element("stop").addEventListener("click", finish);
  element("save").addEventListener("click", save);
  for (const id of ["discard", "another"]) {
    element(id).addEventListener("click", () => {
      if (!confirm("Delete the answers that this browser holds? Saved files are kept.")) return;
      store.clear();
      element("reader").reset();
      start();
    });
  }
  element("judgement").addEventListener("change", complete);
  element("judgement").addEventListener("submit", answer);
  document.addEventListener("keydown", press);
  addEventListener("resize", fit);
  start();
})();
