// One metric of one terminal, as it was and as it comes in.
import { heard, isFresh } from "./connection.js";
import { axes, drawLimit, fitted, followTheme, palette, pointsOf, size, stamp, verticalScale, withGaps, written } from "./plotting.js";
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
  const plot = draw(holder, unit, [low, high].map((limit) => limit === "" ? null : Number(limit)));
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
    return pointsOf(await answer.json(), metric);
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

function tellNewest([times, values], unit) {
  const newest = document.getElementById("newest");
  const at = values.length - 1;
  if (!newest || at < 0) return;
  const text = written(values[at], words);
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

function draw(holder, unit, limits) {
  const colours = () => palette({
    line: "--accent", fill: "--accent-soft", grid: "--line", text: "--ink-3", limit: "--bad",
  });
  let now = colours();
  const plot = new uPlot({
    ...size(holder),
    padding: [8, 20, 0, 0],
    cursor: { y: false, points: { size: 7 } },
    scales: { x: { time: true }, y: verticalScale(words) },
    axes: axes(() => now, words),
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
  followTheme(() => {
    now = colours();
    plot.redraw();
  });
  return fitted(plot, holder);
}

function tellCursor(plot, unit) {
  const told = document.getElementById("cursor");
  const at = plot.cursor.idx;
  const value = at == null ? null : plot.data[1][at];
  told.textContent = value == null ? "" : `${exactly(plot.data[0][at] * 1000)}   ${written(value, words)} ${unit}`;
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
