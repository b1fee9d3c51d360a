// Validation error against cost, with the trials that nothing beats in both.

const COSTS = { parameters: ["Parameters", magnitude], flops: ["FLOPs an image", magnitude], seconds: ["Training time", duration] };
const FRONT_ROWS = 8;
const costly = { name: "parameters" };

/** Positions of trials, cheapest first, each with a lower error than every cheaper one. */
function front(costs, errors) {
  const order = costs.map((_, i) => i).filter((i) => costs[i] !== null && errors[i] !== null).sort((a, b) => costs[a] - costs[b] || errors[a] - errors[b]);
  let least = Infinity;
  return order.filter((i) => errors[i] < least && (least = errors[i], true));
}

/** Ticks of a log axis at 1, 2 and 5 times powers of ten, or at the powers alone where those would be many. */
function roundTicks(low, high, worded) {
  const decades = Array.from({ length: 40 }, (_, k) => 10 ** (k - 12));
  const all = [[1, 2, 5], [1]].map((steps) => decades.flatMap((d) => steps.map((s) => s * d)).filter((v) => v >= low * 0.8 && v <= high * 1.25));
  const tickvals = all[0].length <= 8 ? all[0] : all[1];
  return { tickvals, ticktext: tickvals.map((v) => worded(Number(v.toPrecision(2)))) };
}

const finishedErrors = () => trials.val_error.map((v, i) => (trials.state[i] === "finished" ? v : null));

function costFigure() {
  const costs = trials[costly.name], errors = finishedErrors(), best = front(costs, errors);
  const there = (i) => costs[i] !== null && errors[i] !== null;
  const marks = data.looks.flatMap((look, k) => {
    const which = trials.number.map((_, i) => i).filter((i) => there(i) && lookAt(i) === look);
    return which.length ? [{
      type: "scatter", mode: "markers", x: which.map((i) => costs[i]), y: which.map((i) => errors[i]), customdata: which, name: look.name, showlegend: true,
      text: which.map((i) => `#${trials.number[i]} ${escaped(netName(trials.net[i]))} ${look.glyph} ${escaped(labelName(i))}<br>${COSTS[costly.name][0]} ${COSTS[costly.name][1](costs[i])}<br>validation error ${percent(errors[i])}`), hovertemplate: "%{text}<extra></extra>",
      marker: { symbol: look.symbol, size: which.length > 300 ? 6 : 9, color: look.colour, line: { width: 1, color: colour("card") } },
    }] : [];
  });
  const line = { type: "scatter", mode: "lines", x: best.map((i) => costs[i]), y: best.map((i) => errors[i]), line: { shape: "hv", color: colour("ink"), width: 2 }, hoverinfo: "skip", name: "front", showlegend: true };
  const spent = trials.number.map((_, i) => i).filter(there).map((i) => costs[i]), log = Math.min(...spent) > 0;
  const shownCosts = log ? { type: "log", ...roundTicks(Math.min(...spent), Math.max(...spent), COSTS[costly.name][1]) } : {};
  return { traces: [line, ...marks], layout: layout({ showlegend: true, xaxis: axis(COSTS[costly.name][0].replace(/^[PT]/, (letter) => letter.toLowerCase()), shownCosts), yaxis: axis("validation error", { tickformat: ".2~%", rangemode: "tozero" }) }) };
}

function fillFront() {
  const [name, worded] = COSTS[costly.name], costs = trials[costly.name], all = front(costs, finishedErrors());
  const step = Math.max(1, Math.ceil(all.length / FRONT_ROWS)), kept = all.filter((_, k) => (all.length - 1 - k) % step === 0);
  const heading = (text, n) => make("th", { scope: "col", class: n ? "n" : null }, text);
  document.querySelector("#cost-table thead").replaceChildren(make("tr", {}, heading("Trial", true), heading("Architecture"), heading("Regime"), heading(name, true), heading("Validation error", true), heading("Training error", true)));
  document.querySelector("#cost-table tbody").replaceChildren(...kept.map((i) => make("tr", {},
    make("th", { scope: "row", class: "n" }, make("button", { type: "button", class: "open", "data-trial": trials.number[i], "aria-label": `Open trial ${trials.number[i]}` }, `#${trials.number[i]}`)),
    make("td", {}, netName(trials.net[i])), make("td", {}, regimeCell(i)), make("td", { class: "n" }, worded(costs[i])), make("td", { class: "n" }, percent(trials.val_error[i])), make("td", { class: "n" }, errorText(i, trials.train_error[i])))));
}

function startCost() {
  const plot = document.getElementById("cost-plot");
  if (!plot) return;
  const known = Object.keys(COSTS).filter((key) => trials[key].some((v, i) => v !== null && trials.state[i] === "finished"));
  if (!known.length) return document.getElementById("cost").remove();
  costly.name = known.find((key) => new Set(trials[key].filter((v) => v !== null)).size > 1) ?? known[0]; // a cost that all share tells nothing
  const change = (name) => { costly.name = name; fillFront(); if (drawn.has(plot)) draw(plot, costFigure); };
  document.getElementById("cost-controls").append(select("Cost", known.map((key) => ({ key, name: COSTS[key][0] })), costly.name, change));
  fillFront();
  drawLater(plot, costFigure, (point) => point.customdata !== undefined && openDetail(point.customdata));
}
