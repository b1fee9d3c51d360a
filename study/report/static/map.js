// The regime map and its switches.

const NEAR = 0.25; // of an axis: further from the plane than this in another hyperparameter, a trial is faint
const view = {};

function planeFor({ stage, slice, hold, x, y }) {
  const here = data.map.planes.filter((p) => p.stage === stage && p.slice === slice && p.hold === hold);
  const straight = here.find((p) => p.x === x && p.y === y);
  if (straight) return { plane: straight, transposed: false };
  const turned = here.find((p) => p.x === y && p.y === x);
  return turned ? { plane: turned, transposed: true } : null;
}

const partners = (x) => Object.keys(data.map.axes).filter((y) => planeFor({ ...view, x, y }));

function ticks(name) {
  const { ticks: pairs, name: title } = data.map.axes[name];
  return axis(title, { tickvals: pairs.map((t) => t[0]), ticktext: pairs.map((t) => t[1]), range: [-0.02, 1.02], showgrid: false, constrain: "domain" });
}

function summary(i) {
  const hyperparameters = trials.searched.filter((n) => n !== "architecture").map((n) => `${escaped(nameOf(n))} ${escaped(shown(n, valueOf(n, i)))}`);
  const look = lookAt(i, view.tau, view.stage), own = data.map.taus[view.tau] === data.tau && view.stage === data.map.stages.length - 1;
  return [
    `<b>#${trials.number[i]} ${escaped(netName(trials.net[i]))}</b> ${look.glyph} ${escaped(own ? labelName(i) : look.name)}`, ...hyperparameters, `seed ${hyperparameter("seed", i)}`,
    `training error ${errorText(i, trials.train_error[i])}`, `validation error ${errorText(i, trials.val_error[i])}`,
  ].join("<br>");
}

/** Trials of this slice, by regime; faint where they lie far from the plane or have another unordered choice. */
function markers(plane, xs, ys) {
  const regimes = cut(trials.regimes[view.stage][view.tau]), last = view.stage === data.map.stages.length - 1;
  const others = Object.keys(plane.point).filter((n) => n !== view.x && n !== view.y);
  const places = others.map((n) => [rates(trials.place[n]), placeOf(n, plane.point[n])]);
  const choices = Object.entries(plane.choices);
  const groups = data.looks.map(() => ({ x: [], y: [], which: [], opacity: [] }));
  trials.number.forEach((_, i) => {
    if (trials.slice[i] !== view.slice || xs[i] === null || ys[i] === null || (!last && regimes[i] === data.looks.length - 1)) return;
    const group = groups[regimes[i]];
    const away = choices.some(([n, here]) => valueOf(n, i) !== here) ? 1
      : Math.max(0, ...places.map(([at, here]) => (at[i] === null ? 1 : Math.abs(at[i] - here))));
    group.x.push(xs[i]); group.y.push(ys[i]); group.which.push(i); group.opacity.push(away <= NEAR ? 1 : 0.35);
  });
  return groups.flatMap((group, k) => (group.which.length ? [{
    type: "scatter", mode: "markers", x: group.x, y: group.y, customdata: group.which, name: data.looks[k].name,
    text: group.which.map(summary), hovertemplate: "%{text}<extra></extra>", cliponaxis: false,
    marker: { symbol: data.looks[k].symbol, size: group.which.length > 300 ? 6 : 9, color: data.looks[k].colour, opacity: group.opacity, line: { width: 1.2, color: colour("ink") } },
  }] : []));
}

function placeOf(name, value) {
  const { low, high, log } = data.map.axes[name];
  return log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
}

/** Names of the regimes where they fit; upright ones lie down in a narrow strip. */
function names(grids) {
  const { clientWidth, clientHeight } = document.getElementById("map-plot");
  const size = innerWidth < 640 ? 12 : 15;
  return territories(grids).flatMap((t) => {
    const long = 0.62 * size * t.name.length + 10, high = size + 10;
    const fits = (width, height) => width <= t.across * clientWidth * 0.85 && height <= t.up * clientHeight * 0.75;
    if (!fits(long, high) && !fits(high, long)) return [];
    return [{ x: t.x, y: t.y, text: `<b>${t.name}</b>`, textangle: fits(long, high) ? 0 : -90, showarrow: false, font: { size, color: colour("ink") }, bgcolor: colour("card"), opacity: 0.85, borderpad: 3 }];
  });
}

/** Probabilities as they are drawn: of a hyperparameter that takes a few values, at these alone. */
function gridsOf({ plane, transposed }) {
  const grids = probabilities(plane.at[view.tau], transposed), { choices } = data.map.axes[view.x];
  if (view.y) return inBands(grids, view.x, view.y);
  return choices ? atValues({ plane, transposed }) : grids;
}

function planeFigure(plane, grids) {
  const trialMarkers = markers(plane, rates(trials.place[view.x]), rates(trials.place[view.y]));
  return {
    traces: [...boundaries(grids), ...trialMarkers],
    layout: layout({
      xaxis: ticks(view.x), yaxis: ticks(view.y), annotations: names(grids), shapes: cross(),
      images: [{ source: paint(grids), xref: "x", yref: "y", x: 0, y: 1, sizex: 1, sizey: 1, sizing: "stretch", layer: "below" }],
    }),
  };
}

/** One numeric hyperparameter: probabilities along it instead of a plane; of one that takes a few values, at these. */
function lineFigure(grids) {
  const { choices } = data.map.axes[view.x], x = choices ?? linspace(data.map.side);
  return {
    traces: data.map.regimes.map((name) => ({
      type: "scatter", mode: choices ? "lines+markers" : "lines", x, y: grids[REGIMES.indexOf(name)][0], name,
      line: { color: lookOf(name).colour, width: choices ? 1.5 : 3, dash: lookOf(name).dash }, marker: { symbol: lookOf(name).symbol, size: 11, color: lookOf(name).colour }, text: grids[REGIMES.indexOf(name)][0].map(chance), hovertemplate: `${name}: %{text}<extra></extra>`,
    })),
    layout: layout({ shapes: cross(), xaxis: ticks(view.x), yaxis: axis("probability", { range: [0, 1.01] }) }),
  };
}

/** Of points at the values searched, how many each regime is likeliest at, and at how many none is sure. */
function counts(grids) {
  const cells = grids[0].flatMap((row, r) => row.map((_, c) => grids.map((grid) => grid[r][c])));
  const likeliest = cells.map((p) => REGIMES[p.indexOf(Math.max(...p))]);
  return { n: cells.length, unsure: cells.filter((p) => Math.max(...p) < data.map.confidence).length, of: REGIMES.map((name) => [name, likeliest.filter((one) => one === name).length]) };
}

/** The likeliest regimes in words: counted where every axis has a few values, else by area. */
function likeliest(found, grids) {
  if (fewValues().length === (view.y ? 2 : 1)) {
    const { n, unsure, of } = counts(atValues(found));
    const parts = of.filter(([, k]) => k).sort((a, b) => b[1] - a[1]).map(([name, k]) => `${name} ${k}`).join(", ");
    return `Of the ${n} points searched, likeliest: ${parts}; at ${unsure} of them no regime is sure.`;
  }
  const parts = territories(grids).filter((t) => t.share > 0.005).sort((a, b) => b.share - a.share).map((t) => `${t.name} ${percent(t.share)}`).join(", ");
  const undecided = percent(1 - territories(grids).reduce((sum, t) => sum + t.decided, 0));
  return `Likeliest regime by area: ${parts}; ${undecided} is undecided${view.y ? " (hatched)" : ""}.`;
}

const fewValues = () => [view.x, view.y].filter((n) => n && data.map.axes[n].choices);

/** Grids of a plane at the values searched alone. */
function atValues({ plane, transposed }) {
  const grids = probabilities(plane.at[view.tau], transposed), xs = data.map.axes[view.x].choices, ys = view.y ? data.map.axes[view.y].choices : [0];
  return grids.map((grid) => ys.map((y) => xs.map((x) => between(grid, x, y))));
}

function describe(found, grids) {
  const { plane } = found, net = data.map.slices.find((s) => s.key === view.slice).name;
  const axes = view.y ? `${nameOf(view.x)} and ${nameOf(view.y)}` : nameOf(view.x);
  const tau = data.map.taus[view.tau];
  const when = data.map.stages.length > 1 ? ` at ${view.stage === data.map.stages.length - 1 ? "the end" : data.map.stages[view.stage]}` : "";
  const few = fewValues().map(nameOf);
  return `${net} over ${axes}${when}${plane.held ? `, at ${plane.held}` : ""}. Good means at most ${tau} of the way from ${data.map.reference} to chance. `
    + likeliest(found, grids)
    + (few.length ? ` Only the marked values of ${few.join(" and of ")} were searched.` : "");
}

function show() {
  const found = planeFor(view), { plane } = found;
  const grids = gridsOf(found);
  const text = describe(found, grids);
  const element = document.getElementById("map-plot");
  element.setAttribute("aria-label", say(`Regime map. ${text}`));
  document.getElementById("map-text").textContent = say(text);
  multiples();
  ask(null);
  draw(element, () => (view.y ? planeFigure(plane, grids) : lineFigure(grids)), (point) => point.customdata !== undefined && openDetail(point.customdata));
}

/** Every architecture as a small map, on the same axes as the large one; a press makes it the large one. */
function multiples() {
  const list = document.getElementById("maps");
  if (!view.y || data.map.slices.length < 2) return list.replaceChildren();
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.slice : null;
  list.replaceChildren(...data.map.slices.flatMap(({ key, name }) => {
    const found = planeFor({ ...view, slice: key });
    if (!found) return [];
    const grids = gridsOf(found), { n, of } = fewValues().length === 2 ? counts(atValues(found)) : {};
    const parts = n ? of.filter(([, k]) => k).sort((a, b) => b[1] - a[1]).slice(0, 2).map(([regime, k]) => `${regime} ${k} of ${n}`)
      : territories(grids).filter((t) => t.share > 0.02).sort((a, b) => b.share - a.share).slice(0, 2).map((t) => `${t.name} ${percent(t.share)}`);
    const press = () => { view.slice = key; controls(); show(); };
    return [make("li", {}, make("button", { type: "button", "data-slice": key, "aria-pressed": String(key === view.slice), onclick: press },
      make("img", { src: paint(grids, 140), alt: "" }), name, make("span", {}, parts.join(", "))))];
  }));
  if (focused) list.querySelector(`[data-slice="${CSS.escape(focused)}"]`)?.focus();
}

function controls() {
  const list = (names) => names.map((key) => ({ key, name: nameOf(key) }));
  const change = (key, parse = (v) => v) => (value) => {
    const before = view[key], other = { x: "y", y: "x" }[key];
    view[key] = parse(value);
    if (other && view[other] === view[key]) view[other] = before;
    if (!planeFor(view)) view.y = partners(view.x)[0];
    controls();
    show();
    document.querySelector(`#map-controls [data-key="${key}"] select`)?.focus();
  };
  const made = [
    ["slice", data.map.slices.length > 1 && select("Architecture", data.map.slices, view.slice, change("slice"))],
    ["x", view.y && select("Across", list(Object.keys(data.map.axes).filter((n) => partners(n).length)), view.x, change("x"))],
    ["y", view.y && select("Upwards", list(partners(view.x)), view.y, change("y"))],
    ["tau", select("Good up to (tau)", data.map.taus.map((tau, i) => ({ key: i, name: tau === data.map.tau ? `${tau} (this study's)` : String(tau) })), view.tau, change("tau", Number))],
    ["stage", data.map.stages.length > 1 && select("Epoch", data.map.stages.map((name, key) => ({ key, name })), view.stage, change("stage", Number))],
    ["hold", Object.keys(data.map.axes).length > 2 && select("Other hyperparameters", data.map.holds, view.hold, change("hold"))],
  ];
  document.getElementById("map-controls").replaceChildren(...made.filter(([, e]) => e).map(([key, e]) => { e.dataset.key = key; return e; }));
}

function startMap(chosen = {}) {
  if (!data.map.planes.length) return;
  const { slice, hold, x, y } = data.map.planes[0], stage = data.map.stages.length - 1;
  Object.assign(view, { stage, slice, hold, x, y, tau: data.map.taus.indexOf(data.map.tau) });
  if (planeFor({ ...view, slice: data.map.start })) view.slice = data.map.start;
  if (planeFor({ ...view, ...chosen })) Object.assign(view, chosen);
  regimeKey("map-key", data.looks.filter((_, k) => trials.regimes.flat().some((row) => cut(row).includes(k))));
  controls();
  show();
  startAsking();
}
