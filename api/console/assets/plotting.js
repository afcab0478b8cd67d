// What all charts are drawn with: colours of the theme, axes, numbers and times as people read them.
const language = document.documentElement.lang;

export function palette(names) {
  return Object.fromEntries(Object.entries(names).map(([name, token]) => [name, colour(token)]));
}

// Draws again in the colours of the other theme.
export function followTheme(redraw) {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

export function axes(colours, words) {
  const axis = {
    stroke: () => colours().text, font: `11px ${getComputedStyle(document.body).fontFamily}`,
    grid: { stroke: () => colours().grid, width: 1 },
    ticks: { stroke: () => colours().grid, width: 1, size: 4 },
  };
  return [
    { ...axis, size: 28, values: (_, splits, __, ___, gap) => splits.map((at) => label(at, gap)) },
    {
      ...axis, ...(words && { splits: [0, 1] }), size: 52,
      values: (_, splits) => splits.map((value) => written(value, words)),
    },
  ];
}

export function verticalScale(words) {
  return { range: (_, least, most) => words ? [-0.2, 1.2] : around(least, most) };
}

export function fitted(plot, holder) {
  new ResizeObserver(() => plot.setSize(size(holder))).observe(holder);
  return plot;
}

export function size(holder) {
  return { width: holder.clientWidth, height: holder.clientHeight };
}

export function drawLimit(plot, limit, stroke) {
  const { min, max } = plot.scales.y;
  if (limit === null || min == null || limit < min || limit > max) return;
  const { left, width } = plot.bbox;
  const y = Math.round(plot.valToPos(limit, "y", true));
  drawLine(plot.ctx, [left, y], [left + width, y], stroke);
}

export function drawLine(ctx, [fromX, fromY], [toX, toY], stroke) {
  ctx.save();
  ctx.strokeStyle = stroke;
  ctx.setLineDash([4, 4]);
  ctx.beginPath();
  ctx.moveTo(fromX, fromY);
  ctx.lineTo(toX, toY);
  ctx.stroke();
  ctx.restore();
}

// Where nothing came for longer than `patience` seconds, the line is broken, not drawn across.
export function withGaps([times, values], patience) {
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

// The values of one metric, times in Unix seconds; a reading without it is no gap of it.
export function pointsOf({ times, columns }, metric) {
  const points = times.map((time, at) => [Date.parse(time) / 1000, columns[metric]?.[at] ?? null])
    .filter(([, value]) => value !== null);
  return [points.map(([time]) => time), points.map(([, value]) => Number(value))];
}

export function written(value, words) {
  if (words && Number.isInteger(value)) return words[value];
  return value.toLocaleString(language, { maximumFractionDigits: Math.abs(value) < 10 ? 4 : 2 });
}

export function stamp(seconds) {
  return new Date(seconds * 1000).toISOString();
}

// A flat line needs room too, and the line should not touch the frame.
function around(least, most) {
  if (least == null) return [0, 1];
  const room = (most - least) * 0.12 || Math.abs(most) * 0.05 || 1;
  return [least - room, most + room];
}

function label(at, gap) {
  const day = { month: "2-digit", day: "2-digit" };
  const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(gap < 60 && { second: "2-digit" }) };
  return new Intl.DateTimeFormat(language, gap >= 86400 ? day : time).format(at * 1000);
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
