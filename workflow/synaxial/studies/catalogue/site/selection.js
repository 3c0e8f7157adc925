// The ids of the selected images. They are kept as long as the tab is open and this server runs.
const STORE = `synaxial selection ${document.body.dataset.served}`;

// Some browsers have no storage in private windows; then the selection is that of the page.
export function readSelection() {
  try { return new Set(JSON.parse(sessionStorage.getItem(STORE) ?? "[]")); } catch { return new Set(); }
}

export function writeSelection(chosen) {
  try { sessionStorage.setItem(STORE, JSON.stringify([...chosen])); } catch { /* There is no storage. */ }
}

// The id of the image that was seen last, once; null without one.
const LAST = `synaxial last ${document.body.dataset.served}`;

export function readLast() {
  try {
    const last = sessionStorage.getItem(LAST);
    sessionStorage.removeItem(LAST);
    return last;
  } catch { return null; }
}

export function writeLast(id) {
  try { sessionStorage.setItem(LAST, id); } catch { /* There is no storage. */ }
}
