// Every <time> is told in the reader's own zone: how long ago, with the exact instant on hover.
const language = document.documentElement.lang;
const parts = new Intl.DateTimeFormat("en", {
  year: "numeric", month: "2-digit", day: "2-digit",
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZoneName: "shortOffset",
});
const clock = new Intl.DateTimeFormat(language, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const relative = new Intl.RelativeTimeFormat(language, { style: "short", numeric: "always" });
const now = new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(0, "second");
const units = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]];

// Year first in every language, so that nobody takes a month for a day.
export function exactly(instant) {
  const at = Object.fromEntries(parts.formatToParts(instant).map(({ type, value }) => [type, value]));
  return `${at.year}-${at.month}-${at.day} ${at.hour}:${at.minute}:${at.second} ${at.timeZoneName.replace("GMT", "UTC")}`;
}

// `data-ago`: an age that grows; `data-clock`: the time of day; `data-day`: the day; else the exact instant.
export function tellTimes(root = document, at = Date.now()) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const instant = new Date(element.dateTime);
    const text = "ago" in element.dataset ? ago((at - instant) / 1000)
      
      : "clock" in element.dataset ? clock.format(instant)
      : "day" in element.dataset ? exactly(instant).slice(0, 10) : exactly(instant);
    if (element.textContent !== text) element.textContent = text;
    const title = exactly(instant);
    if (element.title !== title) element.title = title;
    const patience = Number(element.dataset.stale);
    if (patience) element.classList.toggle("stale", (at - instant) / 1000 > patience);
  }
}

export function watchTimes() {
  tellTimes();
  setInterval(tellTimes, 1000);
  document.addEventListener("htmx:after:swap", () => tellTimes());
}

function ago(seconds) {
  const ahead = seconds < 0 ? 1 : -1;
  const age = Math.abs(seconds);
  for (const [unit, length] of units) {
    if (age >= length) return relative.format(ahead * Math.floor(age / length), unit);
  }
  return age < 1 ? now : relative.format(ahead * Math.floor(age), "second");
}
