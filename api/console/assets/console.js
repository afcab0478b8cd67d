// What every page of the console does by itself; pages work without it, only less comfortably.
import { watchKeys } from "./keys.js";
import { watchConnection } from "./connection.js";
import { watchTimes } from "./times.js";

watchTimes();
watchKeys();
watchConnection();
offerOtherTheme();
submitFiltersOnChange();
tellZone();
askBeforeSending();
offerCopies();
// On a phone the navigation scrolls sideways: show where one is.
document.querySelector(".side [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// The server knows only a theme that was chosen; until then the system's counts.
function offerOtherTheme() {
  if (document.documentElement.dataset.theme) return;
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  for (const button of document.querySelectorAll("[data-theme-toggle]")) {
    button.value = isDark ? "light" : "dark";
  }
}

function askBeforeSending() {
  for (const form of document.querySelectorAll("form[data-confirm]")) {
    form.addEventListener("submit", (event) => {
      if (!confirm(form.dataset.confirm)) event.preventDefault();
    });
  }
}

function submitFiltersOnChange() {
  for (const form of document.querySelectorAll("form[data-submit-on-change]")) {
    form.addEventListener("change", () => form.requestSubmit());
    // An empty field is no filter: leave it out of the address, which people share.
    form.addEventListener("formdata", (event) => {
      for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
    });
  }
}

// Browsers let a page write the clipboard only where nobody can read along (https, loopback).
function offerCopies() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      const parts = document.getElementById(button.dataset.copy);
      await navigator.clipboard.writeText(parts.innerText.trim());
      button.textContent = button.dataset.done;
    });
  }
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }
}

// Days that people choose are days of their own, and so are times of the day unless another zone is named.
function tellZone() {
  const minutes = -new Date().getTimezoneOffset();
  const part = (value) => String(Math.floor(Math.abs(value))).padStart(2, "0");
  const zone = `${minutes < 0 ? "-" : "+"}${part(minutes / 60)}:${part(minutes % 60)}`;
  for (const field of document.querySelectorAll("[data-zone]")) field.value = zone;
  const named = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const field of document.querySelectorAll("[data-zone-name]")) field.value ||= named;
}
