// Learning curves by regime.

const MOST_CURVES = 24; // of one regime
const measured = { name: "error" };

/** Epochs and errors of one trial. */
const curveOf = (() => {
  let cache;
  return (i) => {
    if (!cache) {
      const ends = [];
      trials.curves.points.reduce((sum, n, k) => (ends[k] = sum + n), 0);
      cache = { ends, epoch: cut(trials.curves.epoch), train: rates(trials.curves.train), val: rates(trials.curves.val) };
    }
    const end = cache.ends[i], start = end - trials.curves.points[i];
    return { epoch: Array.from(cache.epoch.slice(start, end)), train: cache.train.slice(start, end), val: cache.val.slice(start, end) };
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

function regimeFigure(look, members, sampled) {
  return () => {
    const thin = sampled.flatMap((i) => {
      const curve = curveOf(i);
      return [["train", "dot"], ["val", "solid"]].map(([key, dash]) => ({
        type: "scatter", mode: curve.epoch.length > 1 ? "lines" : "markers", x: curve.epoch, y: curve[key], customdata: curve.epoch.map(() => i),
        line: { color: faded(look.colour, 0.35), width: 1, dash }, marker: { color: look.colour, symbol: look.symbol },
        hovertemplate: `#${trials.number[i]} ${escaped(netName(trials.net[i]))}<br>epoch %{x}: ${key === "train" ? "training" : "validation"} error %{y:.1%}<extra></extra>`,
      }));
    });
    const thick = [["train", "dash"], ["val", "solid"]].map(([key, dash]) => {
      const { epochs, values } = medians(members, key);
      return { type: "scatter", mode: "lines", x: epochs, y: values, line: { color: colour("ink"), width: 2.6, dash }, hovertemplate: `median ${key === "train" ? "training" : "validation"} error, epoch %{x}: %{y:.1%}<extra></extra>` };
    });
    return { traces: [...thin, ...thick], layout: layout({ xaxis: axis("epoch", { nticks: 6 }), yaxis: axis("error", { range: [0, 1], tickformat: ".0%" }) }) };
  };
}

function startCurves() {
  const place = document.getElementById("curves-plots");
  if (!place) return;
  const notes = [];
  data.looks.forEach((look) => {
    const members = trials.number.map((_, i) => i).filter((i) => trials.curves.points[i] && lookAt(i).name === look.name);
    if (!members.length) return;
    const step = Math.max(1, members.length / MOST_CURVES);
    const sampled = Array.from({ length: Math.min(MOST_CURVES, members.length) }, (_, k) => members[Math.floor(k * step)]);
    const ends = ["train", "val"].map((key) => { const m = medians(members, key).values; return percent(m.length ? m.at(-1) : null); });
    const text = `${look.name}: ${members.length} trial${members.length > 1 ? "s" : ""}, median training error at the end ${ends[0]}, validation ${ends[1]}`;
    if (sampled.length < members.length) notes.push(`${sampled.length} of ${members.length} for ${look.name}`);
    const plot = make("div", { class: "plot short", role: "img", "aria-label": `Learning curves, ${text}` });
    place.append(make("div", {}, make("h3", {}, make("span", { "aria-hidden": "true", class: "key", style: `color:${look.colour}` }, look.glyph), ` ${look.name} `, make("span", { class: "soft" }, `(${members.length})`)), plot));
    drawLater(plot, regimeFigure(look, members, sampled), (point) => point.customdata !== undefined && openDetail(point.customdata));
  });
  document.getElementById("curves-text").textContent = notes.length ? `Thin lines are a sample where there are many: ${notes.join(", ")}. Medians are over all.` : "";
}
