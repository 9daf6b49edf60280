// The pictures of a case: hold for the original, compare sightings, and keep the decision shut
// until the key pictures have been there for a moment.

const MOMENT_MS = 1000;

function startHold(desk) {
  const hold = desk.querySelector("[data-hold]");
  const set = (isOn) => desk.classList.toggle("original", isOn);
  for (const name of ["hold-start", "pointerdown"]) hold.addEventListener(name, () => set(true));
  for (const name of ["hold-end", "pointerup", "pointerleave", "blur"]) hold.addEventListener(name, () => set(false));
  window.addEventListener("blur", () => set(false));
}

function showBeside(after, link) {
  const [original, drawn] = after.querySelectorAll(".picture img");
  if (!original || !drawn) return;
  original.src = link.dataset.url;
  drawn.src = link.dataset.drawn;
  after.querySelector(".taken").textContent = link.dataset.taken;
  const [observed, moved, hash] = after.querySelectorAll(".facts > span");
  observed.textContent = link.dataset.observed;
  moved.textContent = link.dataset.moved;
  hash.querySelector("code").textContent = link.dataset.hash;
  after.querySelector(".after-grace").hidden = !("afterGrace" in link.dataset);
}

function bringIntoStrip(link) {
  const item = link?.parentElement;
  if (item) item.parentElement.scrollLeft = item.offsetLeft - item.parentElement.offsetLeft - item.offsetWidth;
}

function startStrip(desk) {
  const after = desk.querySelector("#after");
  const links = [...desk.querySelectorAll(".strip a:not([aria-disabled])")];
  if (!after || !links.length) return;
  const shown = after.querySelector(".original")?.getAttribute("src");
  let current = links.findIndex((link) => link.dataset.url === shown);
  const select = (index) => {
    if (index < 0 || index >= links.length) return;
    links[current]?.removeAttribute("aria-current");
    current = index;
    links[current].setAttribute("aria-current", "true");
    bringIntoStrip(links[current]);
    showBeside(after, links[current]);
  };
  links[current]?.setAttribute("aria-current", "true");
  bringIntoStrip(links[current]);
  links.forEach((link, index) => link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    select(index);
  }));
  for (const button of desk.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => select(current + Number(button.dataset.step)));
  }
}

async function arePainted(pictures) {
  const results = await Promise.allSettled(pictures.map((picture) => picture.decode()));
  return results.every((result) => result.status === "fulfilled");
}

async function startLock(desk, form) {
  const buttons = [...form.querySelectorAll("button.choice:not([data-locked])")];
  const waiting = form.querySelector(".waiting");
  const set = (isOpen) => {
    waiting.hidden = isOpen;
    for (const button of buttons) button.disabled = !isOpen;
  };
  set(false);
  const isWhole = await arePainted([...desk.querySelectorAll(".key-picture")]);
  await new Promise((done) => { setTimeout(done, MOMENT_MS); });
  set(true);
  if (isWhole) return;
  document.getElementById("broken-late").hidden = Boolean(document.getElementById("broken"));
  for (const button of buttons) button.disabled = button.value !== "picture_missing";
}

function startForm(form) {
  const note = form.querySelector("textarea");
  const needed = form.querySelector("#note-needed");
  const saving = form.querySelector(".saving");
  form.addEventListener("submit", (event) => {
    const needsNote = event.submitter && "needsNote" in event.submitter.dataset;
    needed.hidden = !(needsNote && !note.value.trim());
    if (!needed.hidden) {
      event.preventDefault();
      note.focus();
      return;
    }
    saving.hidden = false;
    // After the browser has read which button was pressed.
    setTimeout(() => { for (const button of form.querySelectorAll("button")) button.disabled = true; }, 0);
  });
}

/** Whatever was chosen first, its choices come into view. */
function startVerdict(desk) {
  const decide = desk.querySelector("[data-decide]");
  decide?.querySelector(".verdict").addEventListener("change", () => decide.scrollIntoView({ block: "nearest" }));
}

export function startEvidence() {
  const desk = document.querySelector(".desk");
  if (!desk) return;
  startHold(desk);
  startStrip(desk);
  startVerdict(desk);
  const form = desk.querySelector("form.decision");
  if (!form) return;
  startForm(form);
  startLock(desk, form);
}
