// Holds on to the case while somebody works on it; when it is lost, the page says so.

const EVERY_MS = 60_000;

export function startLease() {
  const desk = document.querySelector("[data-lease]");
  if (!desk) return;
  let wasActive = false;
  for (const name of ["pointermove", "keydown", "scroll"]) {
    document.addEventListener(name, () => { wasActive = true; }, { passive: true });
  }
  const timer = setInterval(async () => {
    if (!wasActive) return;
    wasActive = false;
    const body = new URLSearchParams({ csrf_token: desk.dataset.token });
    const answer = await fetch(desk.dataset.lease, { method: "POST", body }).catch(() => null);
    if (answer === null || answer.status === 204 || answer.status === 503) return;
    document.getElementById("lease-lost").hidden = false;
    document.getElementById("held")?.remove();
    clearInterval(timer);
  }, EVERY_MS);
}
