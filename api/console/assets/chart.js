// One metric of one terminal, as it was and as it comes in.
import { heard, isFresh } from "./connection.js";
import { exactly } from "./times.js";

const pollMs = 1000;
const hiddenPollMs = 15000;
const holder = document.getElementById("chart");
// What yes and no are called, where the metric is one; else undefined.
const words = holder?.dataset.yes && [holder.dataset.no, holder.dataset.yes];
if (holder) watch(holder);

async function watch(holder) {
  const { address, metric, unit, low, high, step, seconds, patience } = holder.dataset;
  const windowSeconds = Number(seconds);
  const data = [[], []];
  const plot = draw(holder, metric, unit, [low, high].map((limit) => limit === "" ? null : Number(limit)));
  let first = true;
  for (;;) {
    const now = Date.now() / 1000;
    // From the last point on, so that a bucket that still fills is told again.
    const from = first ? now - windowSeconds : Math.max(data[0].at(-1) ?? 0, now - windowSeconds);
    const points = await ask(address, metric, from, now + 600, step);
    if (points) {
      merge(data, points, now - windowSeconds);
      plot.setData(withGaps(data, Number(patience)), false);
      plot.setScale("x", { min: now - windowSeconds, max: Math.max(now, data[0].at(-1) ?? 0) });
      tellNewest(data, unit);
      holder.querySelector(".empty").hidden = data[0].length > 0;
      first = false;
    }
    await pause(document.hidden ? hiddenPollMs : pollMs);
  }
}

async function ask(address, metric, from, to, step) {
  const query = new URLSearchParams({ metric, from: stamp(from), to: stamp(to) });
  if (step) query.set("step", step);
  try {
    const answer = await fetch(`${address}?${query}`, { headers: { Accept: "application/json" } });
    heard(answer.status);
    if (!answer.ok) return null;
    const { times, columns } = await answer.json();
    // A reading may hold other metrics only: that is no gap of this one.
    const points = times.map((time, at) => [Date.parse(time) / 1000, columns[metric][at]])
      .filter(([, value]) => value !== null);
    return [points.map(([time]) => time), points.map(([, value]) => Number(value))];
  } catch {
    isFresh(false);
    return null;
  }
}

function merge([times, values], [newTimes, newValues], oldest) {
  if (newTimes.length) {
    let keep = times.length;
    while (keep > 0 && times[keep - 1] >= newTimes[0]) keep--;
    times.splice(keep, times.length, ...newTimes);
    values.splice(keep, values.length, ...newValues);
  }
  const gone = times.findIndex((time) => time >= oldest);
  const drop = gone < 0 ? times.length : gone;
  times.splice(0, drop);
  values.splice(0, drop);
}

// Where nothing came for longer than the terminal is given, the line is broken, not drawn across.
function withGaps([times, values], patience) {
  const drawn = [[], []];
  times.forEach((time, at) => {
    if (at > 0 && time - times[at - 1] > patience) {
      drawn[0].push((time + times[at - 1]) / 2);
      drawn[1].push(null);
    }
    drawn[0].push(time);
    drawn[1].push(values[at]);
  });
  return drawn;
}

function tellNewest([times, values], unit) {
  const newest = document.getElementById("newest");
  const at = values.length - 1;
  if (!newest || at < 0) return;
  const text = written(values[at]);
  const number = newest.querySelector("[data-number]");
  if (number.textContent !== text) {
    number.textContent = text;
    newest.classList.remove("fresh");
    void newest.offsetWidth; // starts the animation anew
    newest.classList.add("fresh");
  }
  newest.querySelector("time").dateTime = new Date(times[at] * 1000).toISOString();
  newest.hidden = false;
}

function draw(holder, metric, unit, limits) {
  const colours = () => ({
    line: colour("--accent"), fill: colour("--accent-soft"), grid: colour("--line"),
    text: colour("--ink-3"), limit: colour("--bad"),
  });
  let now = colours();
  const axis = {
    stroke: () => now.text, font: `11px ${getComputedStyle(document.body).fontFamily}`,
    grid: { stroke: () => now.grid, width: 1 }, ticks: { stroke: () => now.grid, width: 1, size: 4 },
  };
  const language = document.documentElement.lang;
  const size = () => ({ width: holder.clientWidth, height: holder.clientHeight });
  const plot = new uPlot({
    ...size(),
    padding: [8, 20, 0, 0],
    cursor: { y: false, points: { size: 7 } },
    scales: { x: { time: true }, y: { range: (_, least, most) => words ? [-0.2, 1.2] : around(least, most) } },
    axes: [
      { ...axis, size: 28, values: (_, splits, __, ___, gap) => splits.map((at) => label(at, gap, language)) },
      { ...axis, ...(words && { splits: [0, 1] }), size: 52, values: (_, splits) => splits.map(written) },
    ],
    series: [
      {},
      {
        ...(words && { paths: uPlot.paths.stepped({ align: 1 }) }),
        stroke: () => now.line, width: 1.5, fill: () => now.fill, spanGaps: false,
        points: { show: (u, _, first, last) => last - first < 120, size: 4, fill: () => now.line },
      },
    ],
    hooks: {
      draw: [(u) => limits.forEach((limit) => drawLimit(u, limit, now.limit))],
      setCursor: [(u) => tellCursor(u, unit)],
    },
  }, [[], []], holder);
  new ResizeObserver(() => plot.setSize(size())).observe(holder);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    now = colours();
    plot.redraw();
  });
  return plot;
}

function drawLimit(plot, limit, stroke) {
  const { min, max } = plot.scales.y;
  if (limit === null || min == null || limit < min || limit > max) return;
  const { left, width } = plot.bbox;
  const y = Math.round(plot.valToPos(limit, "y", true));
  plot.ctx.save();
  plot.ctx.strokeStyle = stroke;
  plot.ctx.setLineDash([4, 4]);
  plot.ctx.beginPath();
  plot.ctx.moveTo(left, y);
  plot.ctx.lineTo(left + width, y);
  plot.ctx.stroke();
  plot.ctx.restore();
}

function tellCursor(plot, unit) {
  const told = document.getElementById("cursor");
  const at = plot.cursor.idx;
  const value = at == null ? null : plot.data[1][at];
  told.textContent = value == null ? "" : `${exactly(plot.data[0][at] * 1000)}   ${written(value)} ${unit}`;
}

// A flat line needs room too, and the line should not touch the frame.
function around(least, most) {
  if (least == null) return [0, 1];
  const room = (most - least) * 0.12 || Math.abs(most) * 0.05 || 1;
  return [least - room, most + room];
}

function label(at, gap, language) {
  const day = { month: "2-digit", day: "2-digit" };
  const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(gap < 60 && { second: "2-digit" }) };
  return new Intl.DateTimeFormat(language, gap >= 86400 ? day : time).format(at * 1000);
}

function written(value) {
  if (words && Number.isInteger(value)) return words[value];
  return value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: Math.abs(value) < 10 ? 4 : 2 });
}

// A token may be light-dark(): only a resolved property is a colour that a canvas takes.
function colour(token) {
  const probe = document.createElement("i");
  probe.style.color = `var(${token})`;
  document.body.append(probe);
  const resolved = getComputedStyle(probe).color;
  probe.remove();
  return resolved;
}

function stamp(seconds) {
  return new Date(seconds * 1000).toISOString();
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
