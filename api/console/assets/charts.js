// Several metrics of several terminals over one window: drag to look closer, Back to look wider.
import { heard, isFresh } from "./connection.js";
import { axes, drawLimit, drawLine, fitted, followTheme, palette, pointsOf, size, stamp, verticalScale, withGaps, written } from "./plotting.js";
import { exactly, tellTimes } from "./times.js";

const points = 800; // about one a pixel
const longestRaw = 2 * 86400;
const steps = [300, 900, 1800, 3600, 10800, 21600, 43200, 86400, 604800];
const refreshMs = 30000;
const mostEvents = 200;
const severest = ["critical", "major"];

const page = document.getElementById("charts");

async function watch() {
  const codes = page.dataset.terminals.split(",");
  const window_ = { from: seconds(page.dataset.from), to: seconds(page.dataset.to), follows: "follows" in page.dataset };
  const panels = [...page.querySelectorAll("[data-metric]")].map((section) => new Panel(section, codes, zoomTo));
  const marks = (page.dataset.marks ?? "").split(" ").filter(Boolean).map((mark) => ({ at: seconds(mark), severity: "critical" }));
  let asked = 0;

  async function show() {
    const mine = ++asked;
    showRange(window_.follows);
    tell("[data-window]", `${exactly(window_.from * 1000)} – ${exactly(window_.to * 1000)}`);
    const [events] = await Promise.all([readEvents(codes, window_), ...panels.map((panel) => panel.read(codes, window_))]);
    if (mine !== asked) return; // somebody has looked elsewhere meanwhile
    panels.forEach((panel) => panel.draw(window_, [...marks, ...events]));
    listEvents(events);
  }
  function zoomTo(from, to) {
    if (to - from < 1) return;
    Object.assign(window_, { from, to, follows: false });
    const address = new URL(location);
    address.searchParams.set("from", stamp(from));
    address.searchParams.set("to", stamp(to));
    history.pushState({ ...window_ }, "", address);
    show();
  }
  history.replaceState({ ...window_ }, "");
  addEventListener("popstate", ({ state }) => {
    if (!state) return; // a step within the page, to its main part
    Object.assign(window_, state);
    show();
  });
  for (const button of page.querySelectorAll("[data-move]")) {
    button.addEventListener("click", () => zoomTo(...moved(window_, button.dataset.move)));
  }
  await show();
  setInterval(() => {
    if (!window_.follows || document.hidden) return;
    const now = Date.now() / 1000;
    Object.assign(window_, { from: now - (window_.to - window_.from), to: now });
    show();
  }, refreshMs);
}

// Which range it is that follows the time; a window of its own is none of them.
function showRange(follows) {
  const range = (address) => new URL(address).searchParams.get("range");
  for (const link of page.querySelectorAll(".segments a")) {
    if (follows && range(link.href) === (range(location.href) ?? "24h")) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function moved({ from, to }, where) {
  const span = to - from;
  const [first, last] = { earlier: [-0.5, -0.5], later: [0.5, 0.5], in: [0.25, -0.25], out: [-0.5, 0.5] }[where];
  return [from + span * first, to + span * last];
}

// One metric: a chart with a line for each terminal.
class Panel {
  constructor(section, codes, zoomTo) {
    const { metric, yes, no, low, high } = section.dataset;
    this.section = section;
    this.metric = metric;
    this.words = yes && [no, yes];
    this.limits = [low, high].map((limit) => limit === "" ? null : Number(limit));
    this.events = [];
    this.items = [];
    this.plot = this.plotted(section.querySelector(".chart"), codes, zoomTo);
  }

  async read(codes, { from, to }) {
    const query = new URLSearchParams({
      terminals: codes.join(","), metric: this.metric, from: stamp(from), to: stamp(to),
      ...sampled(to - from),
    });
    this.section.querySelector("[data-file]").href = `/api/v1/telemetry/series?${fileQuery(query)}`;
    const answer = await ask(`/api/v1/telemetry/series?${query}`);
    if (!answer) return;
    this.items = answer.items;
    const isCut = answer.reachesBackTo > from;
    tell("[data-cut-off]", isCut ? filled(page.dataset.cut, { time: exactly(answer.reachesBackTo * 1000) }) : "");
  }

  draw({ from, to }, events) {
    const patience = (item) => 3 * Math.max(item.step_seconds ?? 0, (to - from) / points);
    const lines = this.items.map((item) => {
      const line = pointsOf(item, this.metric);
      return withGaps(line, Math.max(patience(item), 3 * usualPause(line[0])));
    });
    this.events = events;
    this.plot.setData(uPlot.join(lines.map((line) => [line[0], line[1]]), lines.map(() => [2, 2])), false);
    this.plot.setScale("x", { min: from, max: to });
    const drawn = lines.some(([times]) => times.length);
    this.section.querySelector(".empty").hidden = drawn;
    this.section.querySelector("[data-told]").textContent = drawn ? told(this.items) : "";
  }

  plotted(holder, codes, zoomTo) {
    const colours = () => ({
      ...palette({ grid: "--line", text: "--ink-3", limit: "--bad", event: "--ink-3", severe: "--bad" }),
      lines: codes.map((_, at) => palette({ line: `--series-${at}` }).line),
    });
    let now = colours();
    const plot = new uPlot({
      ...size(holder),
      padding: [8, 20, 0, 0],
      cursor: {
        y: false, points: { size: 7 }, drag: { x: true, y: false, setScale: false },
        // The others follow the cursor; what is dragged over is looked at once.
        sync: { key: "charts", filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
      },
      scales: { x: { time: true }, y: verticalScale(this.words) },
      axes: axes(() => now, this.words),
      series: [{}, ...codes.map((_, at) => ({
        ...(this.words && { paths: uPlot.paths.stepped({ align: 1 }) }),
        stroke: () => now.lines[at], width: 1.5, spanGaps: false, ...(at > 3 && { dash: [6, 3] }),
        points: { show: (u, _, first, last) => last - first < 60, size: 4, fill: () => now.lines[at] },
      }))],
      hooks: {
        draw: [(u) => {
          this.limits.forEach((limit) => drawLimit(u, limit, now.limit));
          this.events.forEach((event) => drawEvent(u, event, severest.includes(event.severity) ? now.severe : now.event));
        }],
        setCursor: [(u) => this.tellCursor(u)],
        setSelect: [(u) => {
          const { left, width } = u.select;
          if (width > 3) zoomTo(u.posToVal(left, "x"), u.posToVal(left + width, "x"));
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        }],
      },
    }, [[], ...codes.map(() => [])], holder);
    followTheme(() => {
      now = colours();
      plot.redraw();
    });
    return fitted(plot, holder);
  }

  // The value of each line at or last before the cursor.
  tellCursor(plot) {
    const at = plot.cursor.idx;
    const holder = this.section.querySelector("[data-values]");
    holder.replaceChildren();
    if (at == null) return;
    tell("[data-cursor]", exactly(plot.data[0][at] * 1000));
    plot.data.slice(1).forEach((values, line) => {
      let k = at;
      while (k > 0 && values[k] === undefined) k--;
      if (values[k] == null) return;
      const value = document.createElement("span");
      value.className = `series-${line}`;
      value.append(document.createElement("i"), written(values[k], this.words));
      holder.append(value);
    });
  }
}

function sampled(span) {
  if (span <= longestRaw) return { points };
  const step = steps.find((step) => span / step <= points) ?? steps.at(-1);
  // Days are the reader's own.
  return { step, ...(step >= 86400 && { timezone: Intl.DateTimeFormat().resolvedOptions().timeZone }) };
}

function fileQuery(query) {
  const file = new URLSearchParams(query);
  file.delete("points");
  file.set("format", "csv");
  return file;
}

// How long a line usually is without a value.
function usualPause(times) {
  if (times.length < 3) return Infinity;
  const pauses = times.slice(1).map((time, at) => time - times[at]).sort((a, b) => a - b);
  return pauses[pauses.length >> 1];
}

function told(items) {
  const readings = items.reduce((sum, item) => sum + item.readings, 0).toLocaleString(document.documentElement.lang);
  const step = items[0].step_seconds;
  if (step) return filled(page.dataset.byStep, { readings, step: duration(step) });
  return filled(items.some((item) => item.thinned) ? page.dataset.thinned : page.dataset.raw, { readings });
}

function duration(step) {
  const [unit, length] = [["day", 86400], ["hour", 3600], ["minute", 60]].find(([, length]) => step >= length);
  return new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit, unitDisplay: "long" }).format(step / length);
}

async function readEvents(codes, { from, to }) {
  const query = new URLSearchParams({ from: stamp(from), to: stamp(to), limit: mostEvents });
  const answers = await Promise.all(codes.map((code) => ask(`/api/v1/terminals/${encodeURIComponent(code)}/events?${query}`)));
  page.querySelector("[data-more]").hidden = !answers.some((answer) => answer?.next);
  return answers.flatMap((answer) => answer?.items ?? [])
    .map((event) => ({ ...event, at: seconds(event.time) })).sort((a, b) => b.at - a.at);
}

// A mark at the upper edge, and a line down from what is more than a record.
function drawEvent(plot, event, stroke) {
  const { top, height } = plot.bbox;
  const x = Math.round(plot.valToPos(event.at, "x", true));
  if (event.severity !== "indeterminate") drawLine(plot.ctx, [x, top], [x, top + height], stroke);
  plot.ctx.save();
  plot.ctx.fillStyle = stroke;
  plot.ctx.beginPath();
  plot.ctx.moveTo(x - 4, top);
  plot.ctx.lineTo(x + 4, top);
  plot.ctx.lineTo(x, top + 6);
  plot.ctx.fill();
  plot.ctx.restore();
}

function listEvents(events) {
  const body = page.querySelector("[data-events]");
  body.replaceChildren(...events.map((event) => {
    const time = Object.assign(document.createElement("time"), { dateTime: event.time });
    const code = Object.assign(document.createElement("code"), { textContent: event.code });
    const severity = page.querySelector(`[data-severity="${event.severity}"]`).content.cloneNode(true);
    return row(time, event.terminal, code, severity, event.text ?? "");
  }));
  body.closest("table").hidden = !events.length;
  page.querySelector("[data-no-events]").hidden = events.length > 0;
  tellTimes(body);
}

function row(...contents) {
  const line = document.createElement("tr");
  for (const content of contents) {
    const cell = document.createElement("td");
    cell.append(content);
    line.append(cell);
  }
  return line;
}

async function ask(address) {
  const trouble = page.querySelector("[data-trouble]");
  try {
    const answer = await fetch(address, { headers: { Accept: "application/json" } });
    heard(answer.status);
    const said = await answer.json();
    if (!answer.ok) trouble.textContent = filled(page.dataset.failed, { reason: `${said.detail} ${said.remedy ?? ""}` });
    trouble.hidden = answer.ok;
    return answer.ok ? { ...said, reachesBackTo: seconds(answer.headers.get("Muster-History-From")) } : null;
  } catch {
    isFresh(false);
    return null;
  }
}

function tell(selector, text) {
  page.querySelector(selector).textContent = text;
}

function filled(text, values) {
  return text.replace(/%\((\w+)\)s/g, (_, name) => values[name]);
}

function seconds(text) {
  return Date.parse(text) / 1000;
}

if (page) watch();
