// Learning curves by regime.

const MOST_CURVES = 24; // of one regime
const measured = { name: "error" }; // or loss
const KEYS = { error: ["train", "val"], loss: ["train_loss", "val_loss"] };
const SAID = { train: "training error", val: "validation error", train_loss: "training loss", val_loss: "validation loss" };

/** Epochs, errors and losses of one trial. */
const curveOf = (() => {
  let cache;
  return (i) => {
    if (!cache) {
      const ends = [];
      trials.curves.points.reduce((sum, n, k) => (ends[k] = sum + n), 0);
      cache = { ends, epoch: cut(trials.curves.epoch), train: rates(trials.curves.train), val: rates(trials.curves.val), train_loss: losses(trials.curves.train_loss), val_loss: losses(trials.curves.val_loss) };
    }
    const end = cache.ends[i], start = end - trials.curves.points[i];
    const parts = ["train", "val", "train_loss", "val_loss"].map((key) => [key, cache[key].slice(start, end)]);
    return { epoch: Array.from(cache.epoch.slice(start, end)), ...Object.fromEntries(parts) };
  };
})();

/** Where a curve stands at an epoch: straight between its points, and after its end as it ended. */
function standing(curve, key, epoch) {
  const k = curve.epoch.findIndex((e) => e >= epoch), last = k < 0 ? curve.epoch.length - 1 : k;
  if (k <= 0 || curve.epoch[k] === epoch) return curve[key][last];
  const [e0, e1, v0, v1] = [curve.epoch[k - 1], curve.epoch[k], curve[key][k - 1], curve[key][k]];
  return v0 === null || v1 === null ? null : v0 + (v1 - v0) * (epoch - e0) / (e1 - e0);
}

/** The middle value; of an even number, the mean of the two in the middle. */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b), half = sorted.length / 2;
  return (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2;
}

/** The median of all members at every epoch that one of them has, so that it never changes whom it is of. */
function medians(members, key) {
  const curves = members.map(curveOf);
  const epochs = [...new Set(curves.flatMap((curve) => curve.epoch))].sort((a, b) => a - b);
  const at = epochs.map((epoch) => curves.map((curve) => standing(curve, key, epoch)).filter((v) => v !== null));
  const kept = epochs.map((_, k) => k).filter((k) => at[k].length);
  return { epochs: kept.map((k) => epochs[k]), values: kept.map((k) => median(at[k])) };
}

const LEAVES = 10, VANISHES = 1e-4; // times the loss of guessing: what lies above broke down; what lies below is nothing

/** Where a logarithmic axis of losses begins and ends: at the lowest and the highest value that are no outliers. */
function lossRange(values, guess) {
  const sorted = values.filter((v) => v !== null && v > 0).sort((a, b) => a - b);
  if (!sorted.length) return [0.1, 1];
  const limit = LEAVES * (guess ?? sorted[Math.floor(sorted.length / 2)]);
  const high = sorted.findLast((v) => v <= limit) ?? sorted[0], low = Math.min(sorted.find((v) => v >= VANISHES) ?? high, high);
  return [low / 1.15, high * 1.15];
}

/** The vertical axis of curves: all of the errors, or the losses without outliers, by their logarithm. */
function measureAxis(curves, full = true) {
  if (measured.name === "error") return axis("error", full ? { range: [0, 1], tickformat: ".2~%" } : { tickformat: ".2~%", rangemode: "tozero" });
  const values = curves.flatMap((curve) => [...curve.train_loss, ...curve.val_loss]), range = lossRange(values, trials.curves.guess);
  const leaves = values.some((v) => v !== null && (v < range[0] || v > range[1]));
  return axis(leaves ? "loss (cut off)" : "loss", { type: "log", range: range.map(Math.log10), ...roundTicks(...range, (v) => shown("", v), 7) });
}

/** Epochs are whole, and so are their ticks. */
function epochAxis(curves, most = 6) {
  const last = Math.max(1, ...curves.map((curve) => curve.epoch.at(-1) ?? 1)), rough = last / most;
  const size = 10 ** Math.floor(Math.log10(Math.max(rough, 1))), step = [1, 2, 5, 10].map((k) => k * size).find((v) => v >= rough);
  return axis(trials.curves.epochs ?? "epoch", { tick0: 0, dtick: Math.max(1, step) });
}

const measuredText = (v) => (measured.name === "error" ? percent(v) : shown("", v));

function regimeFigure(look, members, sampled) {
  return () => {
    const form = measured.name === "error" ? ".1%" : ".3g", curves = sampled.map(curveOf);
    const thin = sampled.flatMap((i) => {
      const curve = curveOf(i);
      return [[KEYS[measured.name][0], "dot"], [KEYS[measured.name][1], "solid"]].map(([key, dash]) => ({
        type: "scatter", mode: curve.epoch.length > 1 ? "lines" : "markers", x: curve.epoch, y: curve[key], customdata: curve.epoch.map(() => i),
        line: { color: faded(look.colour, 0.35), width: 1, dash }, marker: { color: look.colour, symbol: look.symbol },
        hovertemplate: `#${trials.number[i]} ${escaped(netName(trials.net[i]))}<br>epoch %{x}: ${SAID[key]} %{y:${form}}<extra></extra>`,
      }));
    });
    const thick = [[KEYS[measured.name][0], "dash"], [KEYS[measured.name][1], "solid"]].map(([key, dash]) => {
      const { epochs, values } = medians(members, key);
      return { type: "scatter", mode: "lines", x: epochs, y: values, line: { color: colour("ink"), width: 2.6, dash }, hovertemplate: `median ${SAID[key]}, epoch %{x}: %{y:${form}}<extra></extra>` };
    });
    return { traces: [...thin, ...thick], layout: layout({ xaxis: epochAxis(curves), yaxis: measureAxis(curves) }) };
  };
}

/** Errors or losses; where the losses show more than the errors do, it is the U of an overfit net. */
function measureSwitch(changed) {
  return select("Curves of", [{ key: "error", name: "error" }, { key: "loss", name: "loss" }], measured.name, (name) => { measured.name = name; changed(); });
}

function startCurves() {
  const place = document.getElementById("curves-plots");
  if (!place) return;
  const notes = [], figures = [];
  data.looks.forEach((look) => {
    const members = trials.number.map((_, i) => i).filter((i) => trials.curves.points[i] && lookAt(i).name === look.name);
    if (!members.length) return;
    const step = Math.max(1, members.length / MOST_CURVES);
    const sampled = Array.from({ length: Math.min(MOST_CURVES, members.length) }, (_, k) => members[Math.floor(k * step)]);
    const ends = ["train", "val"].map((key) => { const m = medians(members, key).values; return percent(m.length ? m.at(-1) : null); });
    const figure = regimeFigure(look, members, sampled);
    const text = `${look.name}: ${members.length} trial${members.length > 1 ? "s" : ""}, median training error at the end ${ends[0]}, validation ${ends[1]}`;
    if (sampled.length < members.length) notes.push(`${sampled.length} of ${members.length} for ${look.name}`);
    const plot = make("div", { class: "plot short", role: "img", "aria-label": `Learning curves, ${text}` });
    place.append(make("div", {}, make("h3", {}, make("span", { "aria-hidden": "true", class: "key", style: `color:${look.colour}` }, look.glyph), ` ${look.name} `, make("span", { class: "soft" }, `(${members.length})`)), plot));
    figures.push(plot);
    drawLater(plot, figure, (point) => point.customdata !== undefined && openDetail(point.customdata));
  });
  if (trials.curves.losses) document.getElementById("curves-controls").append(measureSwitch(() => {
    for (const plot of figures) if (drawn.has(plot)) draw(plot, drawn.get(plot));
  }));
  document.getElementById("curves-text").textContent = notes.length ? say(`Thin lines are a sample where there are many: ${notes.join(", ")}. Medians are over all.`) : "";
}
