// Hands on the keyboard: `/` finds, `g` and a letter goes, `j` and `k` move in a list, `a` takes note, `?` tells.
const patienceMs = 1200;

export function watchKeys() {
  let wentAt = 0;
  const dialog = document.getElementById("keys");
  for (const opener of document.querySelectorAll("[data-keys-open]")) {
    opener.addEventListener("click", () => dialog?.showModal());
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const place = Date.now() - wentAt < patienceMs ? placeOf(event.key) : null;
    if (place) {
      location.assign(place.href);
    } else if (event.key === "g") {
      wentAt = Date.now();
      return;
    } else if (event.key === "/") {
      document.getElementById("find")?.focus();
    } else if (event.key === "j" || event.key === "k") {
      moveInList(event.key === "j" ? 1 : -1);
    } else if (event.key === "a") {
      acknowledge();
    } else if (event.key === "?") {
      dialog?.showModal();
    } else {
      return;
    }
    wentAt = 0;
    event.preventDefault();
  });
}

// The navigation holds the places that this person may go to, each with its letter.
function placeOf(key) {
  return [...document.querySelectorAll("nav a[data-key]")].find((link) => link.dataset.key === key);
}

function isTyping(target) {
  return target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable]") != null;
}

// The first link of each row is the row; focus shows where one is, Enter opens it.
function moveInList(step) {
  const rows = [...document.querySelectorAll("table[data-list] tbody tr")]
    .map((row) => row.querySelector("a[href]")).filter(Boolean);
  if (!rows.length) return;
  const at = rows.findIndex((link) => link.closest("tr").contains(document.activeElement));
  const next = at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step;
  rows[Math.max(0, Math.min(rows.length - 1, next))].focus();
}

// Of the row where one is, with those that are chosen; on an alarm's own page, of it.
function acknowledge() {
  const box = document.activeElement?.closest("tr")?.querySelector("input[name=alarm]");
  if (box && !box.checked) box.click();
  document.querySelector("[data-acknowledges]")?.click();
}
