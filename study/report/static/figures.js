// The figures that do not switch: shares by architecture, depth, gradients, importance of hyperparameters.

const DASHES = { solid: "solid", dash: "dashed", longdash: "dashed", dot: "dotted", dashdot: "dashed" };

function comparisonFigure() {
  const roomy = document.getElementById("comparison-plot").clientWidth > 600;
  const rows = data.comparison.filter((row) => row.shares).reverse();
  return {
    traces: data.map.regimes.map((name) => ({
      type: "bar", orientation: "h", y: rows.map((r) => r.net), x: rows.map((r) => r.shares[name].share), name,
      text: rows.map((r) => (roomy && r.shares[name].share * document.getElementById("comparison-plot").clientWidth * 0.85 > 8.5 * `${name} ${percent(r.shares[name].share)}`.length ? `${name} ${percent(r.shares[name].share)}` : "")), textposition: roomy ? "inside" : "none", insidetextanchor: "middle", textangle: 0,
      insidetextfont: { color: "#fff" }, constraintext: "none",
      marker: { color: faded(lookOf(name).colour, 0.92), line: { color: colour("card"), width: 1.5 } },
      hovertemplate: `%{y}: ${name} %{x:.1%}<extra></extra>`,
    })),
    layout: layout({ barmode: "stack", bargap: 0.35, xaxis: axis("mean probability over the search space", { tickformat: ".2~%", range: [0, 1] }), yaxis: axis("") }),
  };
}

function degradationFigure() {
  const { series } = data.degradation;
  const depths = [...new Set(series.flatMap((s) => s.depths))].sort((a, b) => a - b);
  const traces = series.flatMap((s, k) => {
    const [hue, symbol, dash] = SERIES[k % SERIES.length];
    const x = s.depths.map(String);
    const runs = s.seeds.map((seed) => ({
      type: "scatter", mode: "lines+markers", x, y: s.runs.map((r) => r[seed] ?? null), showlegend: false, line: { color: faded(hue, 0.35), width: 1 }, marker: { size: 4, color: faded(hue, 0.5) },
      hovertemplate: `${escaped(s.family)}-%{x}, seed ${seed}: %{y:.1%}<extra></extra>`,
    }));
    const mean = {
      type: "scatter", mode: "lines+markers", x, y: s.mean, name: s.family, showlegend: true, cliponaxis: false, line: { color: hue, width: 3, dash }, marker: { symbol, size: 11, color: hue },
      error_y: { type: "data", symmetric: false, array: s.mean.map((m, i) => (s.high[i] ?? m) - m), arrayminus: s.mean.map((m, i) => m - (s.low[i] ?? m)), color: hue, width: 6 },
      hovertemplate: `${escaped(s.family)}-%{x}: %{y:.1%} on average<extra></extra>`,
    };
    return [...runs, mean];
  });
  return { traces, layout: layout({ xaxis: axis("depth (weight layers)", { type: "category", categoryorder: "array", categoryarray: depths.map(String) }), yaxis: axis("training error", { tickformat: ".2~%", rangemode: "tozero" }), showlegend: true }) };
}

function gradientsFigure(which, title) {
  return () => {
    const traces = data.gradients.flatMap((g, k) => {
      const [hue, symbol, dash] = SERIES[k % SERIES.length];
      const x = linspace(g.layers.length), { low, middle, high } = g[which];
      const band = { type: "scatter", mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false, x };
      return [
        { ...band, y: low }, { ...band, y: high, fill: "tonexty", fillcolor: faded(hue, 0.12) },
        { type: "scatter", mode: "lines+markers", x, y: middle, name: g.name, line: { color: hue, width: 2.2, dash }, marker: { symbol, size: g.layers.length > 30 ? 0.1 : 6, color: hue },
          text: g.layers.map(escaped), hovertemplate: `${escaped(g.name)}<br>%{text}: %{y:.3g}<extra></extra>` },
      ];
    });
    return { traces, layout: layout({ title: { text: title, font: { size: 14 }, x: 0, xanchor: "left", y: 0.99, yanchor: "top" }, margin: { l: 8, r: 24, t: 34, b: 8 }, xaxis: axis("layer", { tickvals: [0, 1], ticktext: ["input", "output"], range: [-0.06, 1.06] }), yaxis: axis("gradient norm", { type: "log", ...powerTicks(data.gradients.flatMap((g) => [g[which].low, g[which].high].flat()), 8) }) }) };
  };
}

function importanceFigure() {
  const rows = [...data.hyperparameters].reverse();
  return {
    traces: [{
      type: "bar", orientation: "h", y: rows.map((r) => r.name), x: rows.map((r) => r.share), marker: { color: colour("accent") },
      error_x: { type: "data", symmetric: false, array: rows.map((r) => r.high - r.share), arrayminus: rows.map((r) => r.share - r.low), color: colour("ink"), thickness: 1.5 },
      hovertemplate: "%{y}: %{x:.1%}<extra></extra>",
    }],
    layout: layout({ bargap: 0.4, xaxis: axis("variation explained", { tickformat: ".2~%", range: [0, 1] }), yaxis: axis("") }),
  };
}

/** A key that several figures share: the line of each series as it is drawn. */
function legend(id, names) {
  document.getElementById(id)?.append(...names.map((name, k) => {
    const [hue, , dash] = SERIES[k % SERIES.length];
    return make("li", {}, make("span", { class: "swatch", "aria-hidden": "true", style: `border-top: 3px ${DASHES[dash]} ${hue}` }), name);
  }));
}

function startFigures() {
  regimeKey("comparison-key", (data.map.regimes ?? []).map(lookOf));
  const sized = (id, rows, each) => { const e = document.getElementById(id); if (e) e.style.height = `${90 + each * rows}px`; };
  sized("comparison-plot", data.comparison.filter((r) => r.shares).length, 52);
  sized("importance-plot", data.hyperparameters.length, 40);
  legend("gradients-key", data.gradients.map(({ name, zero }) => (zero.every(Boolean) ? `${name} (0 in every layer, so not drawn)` : name)));
  drawLater("comparison-plot", comparisonFigure);
  drawLater("degradation-plot", degradationFigure);
  drawLater("gradients-first", gradientsFigure("first", "At initialization"));
  drawLater("gradients-last", gradientsFigure("last", "At the end of training"));
  drawLater("importance-plot", importanceFigure);
}
