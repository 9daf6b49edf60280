// Fetches the page again and puts in what changed, so that every text comes from the server.
// What somebody is writing in is left alone.

const STALE_MS = 15_000;

function isInUse(region) {
  if (region.contains(document.activeElement) && document.activeElement.matches("input, textarea, select, button")) return true;
  if (region.querySelector("details[open]")) return true;
  return [...region.querySelectorAll("input:not([type=hidden]), textarea")].some((field) => field.value !== field.defaultValue);
}

function putIn(fresh) {
  for (const region of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(region.id);
    if (!now) {
      if ("reload" in region.dataset) location.reload();
      continue;
    }
    if (now.innerHTML !== region.innerHTML && !isInUse(region)) region.replaceChildren(...now.childNodes);
  }
}

async function fetchPage() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (answer.redirected && new URL(answer.url).pathname === "/sign-in") {
    location.assign(answer.url);
    return;
  }
  if (!answer.ok) throw new Error(String(answer.status));
  putIn(new DOMParser().parseFromString(await answer.text(), "text/html"));
}

export function startRefresh() {
  const marked = document.querySelector("[data-refresh]");
  if (!marked) return;
  const bar = document.getElementById("stale");
  let freshAt = new Date();
  const again = async () => {
    if (!document.hidden) {
      try {
        await fetchPage();
        freshAt = new Date();
        bar.hidden = true;
      } catch {
        const clock = freshAt.toLocaleTimeString("en-GB");
        bar.textContent = bar.dataset.text.replace("{time}", clock);
        bar.hidden = new Date() - freshAt < STALE_MS;
      }
    }
    setTimeout(again, Number(marked.dataset.refresh) * 1000);
  };
  setTimeout(again, Number(marked.dataset.refresh) * 1000);
}
