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

const SPANS = [[0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18000, 36000, 86400, 172800, 432000], [0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 1800, 3600, 18000, 36000, 86400, 432000], [1, 10, 60, 600, 3600, 36000, 360000]]; // seconds that are read as round

/** A time of ``SPANS`` without the decimals that a measured one has. */
const roundTime = (s) => (s < 60 ? `${s}\u00a0s` : s < 3600 ? `${Math.round(s / 60)}\u00a0min` : `${Math.round(s / 3600)}\u00a0h`);

function costTicks(low, high, worded, most) {
  return costly.name === "seconds" ? roundTicks(low, high, roundTime, most, SPANS) : roundTicks(low, high, worded, most);
}

/** The axis of errors: logarithmic where they differ tenfold, so that the good ones do not lie on each other. */
function errorAxis(errors) {
  const found = errors.filter((e) => e !== null), low = Math.min(...found), high = Math.max(...found);
  if (!(high >= 10 * low)) return axis("validation error", { tickformat: ".2~%", rangemode: "tozero" });
  return axis("validation error", { type: "log", range: [Math.log10(low / 1.4), Math.log10(high * 1.4)], ...roundTicks(low, Math.min(high, 0.8), (v) => `${Number((100 * v).toPrecision(2))}%`, 7) });
}

/** Errors as they are drawn: none is half an image, which a logarithmic axis can show. */
function drawable(errors) {
  const least = 0.5 / Math.max(1, ...trials.val_n.filter((n) => n !== null));
  return errors.map((e) => (e === null ? null : Math.max(e, least)));
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
  const costs = trials[costly.name], errors = drawable(finishedErrors()), best = frontNow(), [title, worded] = COSTS[costly.name];
  const there = (i) => costs[i] !== null && errors[i] !== null;
  const marks = data.looks.flatMap((look, k) => {
    const which = trials.number.map((_, i) => i).filter((i) => there(i) && lookAt(i) === look);
    return which.length ? [{
      type: "scatter", mode: "markers", x: which.map((i) => costs[i]), y: which.map((i) => errors[i]), customdata: which, name: look.name, showlegend: true,
      text: which.map((i) => `#${trials.number[i]} ${escaped(netName(trials.net[i]))} ${look.glyph} ${escaped(labelName(i))}<br>${title} ${worded(costs[i])}<br>validation error ${percent(trials.val_error[i])}`), hovertemplate: "%{text}<extra></extra>", cliponaxis: false,
      marker: { symbol: look.symbol, size: which.length > 300 ? 6 : 9, color: look.colour, line: { width: 1, color: colour("card") } },
    }] : [];
  });
  const line = { type: "scatter", mode: "lines+markers", x: best.map((one) => one.cost), y: drawable(best.map((one) => one.error)), cliponaxis: false, line: { shape: "hv", color: colour("ink"), width: 2 }, marker: { symbol: "circle-open", size: 15, color: colour("ink"), line: { width: 2 } }, hoverinfo: "skip", name: "front", showlegend: true };
  const spent = trials.number.map((_, i) => i).filter(there).map((i) => costs[i]), log = Math.min(...spent) > 0;
  const shownCosts = log ? { type: "log", ...costTicks(Math.min(...spent), Math.max(...spent), worded, document.getElementById("cost-plot").clientWidth < 500 ? 5 : 8) } : {};
  return { traces: [...marks, line], layout: layout({ showlegend: true, xaxis: axis(title.replace(/^[OPT]/, (letter) => letter.toLowerCase()), shownCosts), yaxis: errorAxis(errors) }) };
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
