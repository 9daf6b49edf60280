// The pictures of the live wall: each is decoded before it is shown, so that nothing flickers.

const EVERY_MS = 1000;
const LATE_S = 5;
const LOST_S = 15;
const RECORDED_S = 3600;

function showAge(box, seconds) {
  const age = box.querySelector(".age");
  age.hidden = seconds === null;
  if (seconds === null) return;
  const whole = Math.round(seconds);
  age.classList.toggle("late", whole > LATE_S && whole <= LOST_S);
  age.classList.toggle("lost", whole > LOST_S && whole <= RECORDED_S);
  const text = whole > RECORDED_S ? box.dataset.recorded : whole > LOST_S ? box.dataset.stale : box.dataset.age;
  age.textContent = text.replace("{seconds}", String(whole));
}

function showNothing(box, cause) {
  const words = { unreachable: box.dataset.unreachable, unknown_camera: box.dataset.unknown }[cause] ?? box.dataset.waiting;
  box.querySelector("img.scripted").hidden = true;
  box.querySelector(".no-picture").hidden = false;
  box.querySelector(".no-picture span").textContent = words;
  showAge(box, null);
}

async function show(box, answer) {
  const shown = box.querySelector("img.scripted");
  const fresh = shown.cloneNode();
  fresh.src = URL.createObjectURL(await answer.blob());
  try {
    await fresh.decode();
  } catch {
    URL.revokeObjectURL(fresh.src);
    return;
  }
  fresh.hidden = false;
  shown.replaceWith(fresh);
  box.querySelector(".no-picture").hidden = true;
  if (shown.src.startsWith("blob:")) URL.revokeObjectURL(shown.src);
  const seconds = answer.headers.get("X-Picture-Age-S");
  showAge(box, seconds === null ? null : Number(seconds));
}

async function update(box) {
  if (!document.hidden) {
    const answer = await fetch(box.dataset.picture, { cache: "no-store" }).catch(() => null);
    if (answer?.redirected) location.reload();
    else if (answer?.status === 200) await show(box, answer);
    else if (answer) showNothing(box, answer.headers.get("X-No-Picture"));
  }
  setTimeout(() => update(box), EVERY_MS);
}

export function startWall() {
  for (const box of document.querySelectorAll("[data-picture]")) update(box);
}
