// The one module that owns keys. A key presses the visible control that names it in
// aria-keyshortcuts, so whatever a key does, a mouse can do too.

const TEXT_FIELDS = "textarea, select, [contenteditable], input:not([type=checkbox], [type=radio], [type=button], [type=submit])";
const NAMED = { Enter: "Enter", NumpadEnter: "Enter", Escape: "Escape", BracketLeft: "[", BracketRight: "]", Comma: ",", Period: "." };

/** The name of a physical key; Chinese input methods change event.key, never event.code. */
function nameOf(event) {
  if (event.shiftKey) return event.code === "Slash" ? "?" : "";
  const [, letter, digit] = /^(?:Key([A-Z])|(?:Digit|Numpad)([0-9]))$/.exec(event.code) ?? [];
  return letter ?? digit ?? NAMED[event.code] ?? "";
}

function isVisible(element) {
  const seen = element.matches("input[type=radio]") ? element.closest("label") : element;
  return seen.getClientRects().length > 0;
}

/** The control that answers to a key now: visible and not disabled. */
function controlOf(name) {
  const all = document.querySelectorAll("[aria-keyshortcuts]");
  return [...all].find((one) => one.getAttribute("aria-keyshortcuts") === name && !one.disabled && isVisible(one));
}

function isOurs(event) {
  if (event.isComposing || event.keyCode === 229) return false;
  if (event.ctrlKey || event.altKey || event.metaKey) return false;
  return document.querySelector("dialog[open]") === null;
}

function press(control) {
  if (control.matches("textarea, input[type=text]")) control.focus();
  else control.click();
}

/** What a control does, in its own words without the key caps. */
function wordOf(control) {
  if (control.dataset.keyHelp) return control.dataset.keyHelp;
  const clone = (control.closest("label") ?? control).cloneNode(true);
  clone.querySelectorAll("kbd, small").forEach((one) => one.remove());
  return clone.textContent.replace(/\s+/g, " ").trim();
}

function capsOf(control, then) {
  const first = control.closest("[data-key-after]")?.dataset.keyAfter;
  const names = [first, control.getAttribute("aria-keyshortcuts")].filter(Boolean);
  return names.flatMap((name, index) => {
    const cap = document.createElement("kbd");
    cap.textContent = name;
    return index ? [` ${then} `, cap] : [cap];
  });
}

/** Fill the help dialog from the page itself: choices that are shut now are listed too. */
function showHelp(dialog) {
  const list = dialog.querySelector("dl");
  list.replaceChildren();
  for (const control of document.querySelectorAll("[aria-keyshortcuts]:not([data-keep-open])")) {
    const key = document.createElement("dt");
    key.append(...capsOf(control, dialog.dataset.then));
    const word = document.createElement("dd");
    word.textContent = wordOf(control);
    list.append(key, word);
  }
  if (!list.children.length) list.textContent = dialog.dataset.none;
  dialog.showModal();
}

function onKeyDown(event) {
  if (!isOurs(event)) return;
  const isTyping = event.target.matches?.(TEXT_FIELDS);
  if (isTyping) {
    if (event.code === "Escape") event.target.blur();
    return;
  }
  const name = nameOf(event);
  // Enter and Space belong to a focused control.
  if (name === "Enter" && event.target.matches?.("a, button, summary")) return;
  const control = name && controlOf(name);
  if (!control) return;
  event.preventDefault();
  if ("hold" in control.dataset) {
    if (!event.repeat) control.dispatchEvent(new CustomEvent("hold-start"));
    return;
  }
  if (!event.repeat) press(control);
}

function onKeyUp(event) {
  const control = controlOf(nameOf(event));
  if (control && "hold" in control.dataset) control.dispatchEvent(new CustomEvent("hold-end"));
}

export function startKeys() {
  document.addEventListener("keydown", onKeyDown);
  document.addEventListener("keyup", onKeyUp);
  const dialog = document.getElementById("keys");
  document.getElementById("keys-open")?.addEventListener("click", () => showHelp(dialog));
}
