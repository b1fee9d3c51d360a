// Learning curves by regime.

const MOST_CURVES = 24; // of one regime

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

function medians(members, key) {
  const byEpoch = new Map();
  for (const i of members) {
    const curve = curveOf(i);
    curve.epoch.forEach((e, k) => { if (curve[key][k] !== null) byEpoch.set(e, [...(byEpoch.get(e) ?? []), curve[key][k]]); });
  }
  const enough = Math.max(1, members.length / 4);
  const epochs = [...byEpoch.keys()].filter((e) => byEpoch.get(e).length >= enough).sort((a, b) => a - b);
  const middle = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
  return { epochs, values: epochs.map((e) => middle(byEpoch.get(e))) };
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
