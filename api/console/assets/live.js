// A terminal's page follows its live stream: what comes has the parts that it changes asked for again,
// of a reading only the newest values, which cost little.
// Without a stream, for whatever reason, they are asked for as often as ever.
const leastMs = 1000;
const pollMs = 2000;
const patienceMs = 30000;
const mostTries = 5;
const part = document.querySelector("[data-live]");
if (part) follow(part, part.dataset.live);

/** @param {Element} part  @param {string} address */
function follow(part, address) {
  /** @type {EventSource | null} */
  let stream = null;
  let refusedAt = -Infinity;
  const soon = paced(() => part.dispatchEvent(new CustomEvent("refresh")));
  const newest = paced(() => document.getElementById("latest")?.dispatchEvent(new CustomEvent("reading")));
  // A reading comes as soon as it is stored; what is newest of each metric is kept a moment later.
  let awaitedMs = -Infinity;
  let tries = 0;
  const settle = () => {
    if (shownMs() >= awaitedMs) tries = 0;
    if (tries === 0) return;
    tries -= 1;
    newest();
    setTimeout(settle, leastMs);
  };
  /** @param {MessageEvent} event */
  const came = (event) => {
    awaitedMs = Math.max(awaitedMs, Date.parse(JSON.parse(event.data).observed_at));
    newest();
    if (tries === 0) setTimeout(settle, leastMs);
    tries = mostTries;
  };
  const close = () => {
    stream?.close();
    stream = null;
  };
  const open = () => {
    // A browser has six connections to a site: a page that nobody looks at takes none of them.
    if (stream || document.hidden || Date.now() - refusedAt < patienceMs) return;
    stream = new EventSource(address);
    stream.addEventListener("reading", came);
    for (const kind of ["event", "presence", "alarm", "gap", "end"]) stream.addEventListener(kind, soon);
    stream.addEventListener("error", () => {
      if (stream?.readyState !== EventSource.CLOSED) return;
      refusedAt = Date.now();
      close();
    });
  };
  open();
  setInterval(() => {
    open();
    if (stream?.readyState !== EventSource.OPEN) soon();
  }, pollMs);
  document.addEventListener("visibilitychange", () => document.hidden ? close() : open());
  addEventListener("pagehide", close);
}

// Of when the newest value is that is shown.
function shownMs() {
  return Math.max(...[...document.querySelectorAll("#latest tbody time")].map((time) => Date.parse(time.dateTime)));
}

// However much comes, it is asked for once a second.
/** @param {() => void} ask */
function paced(ask) {
  let askedAt = -Infinity;
  let waiting = false;
  const now = () => {
    waiting = false;
    askedAt = Date.now();
    ask();
  };
  return () => {
    if (waiting) return;
    const wait = askedAt + leastMs - Date.now();
    if (wait <= 0) return now();
    waiting = true;
    setTimeout(now, wait);
  };
}
