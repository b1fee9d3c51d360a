// Validation error against cost, with the configurations that nothing beats in both.

const COSTS = { parameters: ["Parameters", magnitude], flops: ["Operations an image", magnitude], seconds: ["Training time", duration] };
const FRONT_ROWS = 8, FRONT_RUNS = 6;
const costly = { name: "parameters" };

/** Positions of configurations, cheapest first, each with a lower error than every cheaper one. */
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

const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;

/** Finished configurations, with the means of their seeds: one lucky seed is no cheap net. */
function configurations(costs, errors, groups) {
  const found = new Map();
  costs.forEach((cost, i) => { if (cost !== null && errors[i] !== null) found.set(groups[i], [...(found.get(groups[i]) ?? []), i]); });
  return [...found.values()].map((members) => ({ members, cost: mean(members.map((i) => costs[i])), error: mean(members.map((i) => errors[i])) }));
}

const finishedErrors = () => trials.val_error.map((v, i) => (trials.state[i] === "finished" ? v : null));

/** The configurations of the front, cheapest first. */
function frontNow() {
  const all = configurations(trials[costly.name], finishedErrors(), trials.group);
  return front(all.map((one) => one.cost), all.map((one) => one.error)).map((k) => all[k]);
}

function costFigure() {
  const costs = trials[costly.name], errors = finishedErrors(), best = frontNow(), [title, worded] = COSTS[costly.name];
  const there = (i) => costs[i] !== null && errors[i] !== null;
  const marks = data.looks.flatMap((look, k) => {
    const which = trials.number.map((_, i) => i).filter((i) => there(i) && lookAt(i) === look);
    return which.length ? [{
      type: "scatter", mode: "markers", x: which.map((i) => costs[i]), y: which.map((i) => errors[i]), customdata: which, name: look.name, showlegend: true,
      text: which.map((i) => `#${trials.number[i]} ${escaped(netName(trials.net[i]))} ${look.glyph} ${escaped(labelName(i))}<br>${title} ${worded(costs[i])}<br>validation error ${percent(errors[i])}`), hovertemplate: "%{text}<extra></extra>",
      marker: { symbol: look.symbol, size: which.length > 300 ? 6 : 9, color: look.colour, line: { width: 1, color: colour("card") } },
    }] : [];
  });
  const line = { type: "scatter", mode: "lines+markers", x: best.map((one) => one.cost), y: best.map((one) => one.error), line: { shape: "hv", color: colour("ink"), width: 2 }, marker: { symbol: "circle-open", size: 15, color: colour("ink"), line: { width: 2 } }, hoverinfo: "skip", name: "front", showlegend: true };
  const spent = trials.number.map((_, i) => i).filter(there).map((i) => costs[i]), log = Math.min(...spent) > 0;
  const shownCosts = log ? { type: "log", ...roundTicks(Math.min(...spent), Math.max(...spent), worded) } : {};
  return { traces: [...marks, line], layout: layout({ showlegend: true, xaxis: axis(title.replace(/^[OPT]/, (letter) => letter.toLowerCase()), shownCosts), yaxis: axis("validation error", { tickformat: ".2~%", rangemode: "tozero" }) }) };
}

/** The mean over the seeds of a configuration, and between which they lie. */
function overSeeds(values) {
  const found = values.filter((v) => v !== null);
  if (!found.length) return ["not measured"];
  const [low, middle, high] = [Math.min(...found), mean(found), Math.max(...found)].map(percent);
  return low === high ? [middle] : [middle, make("br"), make("span", { class: "small soft" }, `${low} to ${high}`)];
}

function fillFront() {
  const [name, worded] = COSTS[costly.name], all = frontNow();
  const step = Math.max(1, Math.ceil(all.length / FRONT_ROWS)), kept = all.filter((_, k) => (all.length - 1 - k) % step === 0);
  const heading = (text, n) => make("th", { scope: "col", class: n ? "n" : null }, text);
  const open = (i) => [make("button", { type: "button", class: "open", "data-trial": trials.number[i], "aria-label": `Open trial ${trials.number[i]}` }, `#${trials.number[i]}`), " "];
  const settings = (i) => trials.searched.filter((n) => n !== "architecture").map((n) => `${nameOf(n)} ${shown(n, valueOf(n, i))}`).join(", ");
  document.getElementById("cost-text").textContent = say(`The front: means over the runs of each configuration${step > 1 ? `; ${kept.length} of ${all.length} are listed` : ""}`);
  document.querySelector("#cost-table thead").replaceChildren(make("tr", {}, heading("Net"), heading("Its runs"), heading(name, true), heading("Validation error", true), heading("Training error", true)));
  document.querySelector("#cost-table tbody").replaceChildren(...kept.map(({ members, cost }) => make("tr", {},
    make("th", { scope: "row", class: "wrap" }, netName(trials.net[members[0]]), make("span", { class: "small soft" }, settings(members[0]) && `, ${settings(members[0])}`)),
    make("td", { class: "wrap" }, ...members.slice(0, FRONT_RUNS).flatMap(open), members.length > FRONT_RUNS ? `... (${members.length})` : null),
    make("td", { class: "n" }, worded(cost)), make("td", { class: "n" }, ...overSeeds(members.map((i) => trials.val_error[i]))), make("td", { class: "n" }, ...overSeeds(members.map((i) => trials.train_error[i]))))));
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
