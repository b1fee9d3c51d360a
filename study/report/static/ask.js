// What the map says at any point of it: probabilities, expected errors, and the trials that this rests on.

const STEP = 1 / 30, CLICK = 6, NEAREST = 5; // of an axis, for a key; pixels that a click may wander; trials
let asked = null; // {x, y}, from 0 to 1

function cross() {
  if (!asked) return [];
  const line = { color: colour("ink"), width: 1.2, dash: "dot" };
  const upright = { type: "line", xref: "x", yref: "paper", x0: asked.x, x1: asked.x, y0: 0, y1: 1, line };
  return view.y ? [upright, { type: "line", xref: "paper", yref: "y", x0: 0, x1: 1, y0: asked.y, y1: asked.y, line }] : [upright];
}

/** The value of a hyperparameter at a place of its axis; whole where the axis has whole choices only. */
function valueAt(name, place) {
  const { low, high, log, whole } = data.map.axes[name];
  const value = log ? low * (high / low) ** place : low + (high - low) * place;
  return whole ? Math.round(value) : value;
}

/** Trials of this slice that ended, nearest first, in units of the length over which the map's error changes. */
function nearestTo(plane, at) {
  const here = Object.fromEntries(Object.keys(plane.point).map((n) => [n, n === view.x ? at.x : n === view.y ? at.y : placeOf(n, plane.point[n])]));
  const places = Object.keys(here).map((n) => [rates(trials.place[n]), here[n], data.map.axes[n].scale]);
  const ended = (i) => trials.val_error[i] !== null || trials.state[i] === "diverged";
  const away = (i) => places.reduce((sum, [all, place, scale]) => sum + ((all[i] - place) / scale) ** 2, 0) + Object.entries(plane.choices).filter(([n, value]) => valueOf(n, i) !== value).length;
  return trials.number.map((_, i) => i).filter((i) => trials.slice[i] === view.slice && ended(i)).map((i) => [away(i), i]).sort((a, b) => a[0] - b[0]).slice(0, NEAREST).map(([, i]) => i);
}

function answer(at) {
  const { plane, transposed } = planeFor(view);
  const p = probabilities(plane.at[view.tau], transposed).map((grid) => between(grid, at.x, at.y));
  const errors = expected(plane, transposed).map((grid) => between(grid, at.x, at.y));
  const order = REGIMES.map((_, k) => k).filter((k) => data.map.regimes.includes(REGIMES[k])).sort((a, b) => p[b] - p[a]);
  const point = [view.x, ...(view.y ? [view.y] : [])].map((n, k) => `${nameOf(n)} ${shown(n, valueAt(n, k ? at.y : at.x))}`).join(", ");
  const net = data.map.slices.find((s) => s.key === view.slice).name;
  const says = p[order[0]] >= data.map.confidence ? `${REGIMES[order[0]]}, with probability ${chance(p[order[0]])}` : `undecided, likeliest ${REGIMES[order[0]]}`;
  const least = data.map.least, span = ([middle, low, high]) => `${middle < least ? `below ${percent(least)}` : percent(middle)} (90\u00a0% interval: ${high < least ? `0\u00a0% to ${percent(least)}` : interval(low < least ? 0 : low, high)})`;
  const bars = order.flatMap((k) => [
    make("dt", {}, make("span", { class: "key", "aria-hidden": "true", style: `color:${lookOf(REGIMES[k]).colour}` }, lookOf(REGIMES[k]).glyph), REGIMES[k]),
    make("dd", { "aria-hidden": "true" }, make("i", { style: `width:${Math.round(100 * p[k])}%;background:${lookOf(REGIMES[k]).colour}` })), make("dd", { class: "number" }, chance(p[k])),
  ]);
  const rest = 1 - order.reduce((sum, k) => sum + p[k], 0); // of a regime that no trial of this study was in
  if (rest >= 0.005) bars.push(make("dt", {}, "not seen here"), make("dd", { "aria-hidden": "true" }), make("dd", { class: "number" }, chance(rest)));
  const near = nearestTo(plane, at).map((i) => make("li", {}, make("button", { type: "button", class: "open", "data-trial": trials.number[i] }, `#${trials.number[i]}`),
    ` ${labelName(i)}, validation error ${errorText(i, trials.val_error[i])}`, make("span", { class: "soft small" }, ` at ${[view.x, view.y].filter(Boolean).map((n) => `${nameOf(n)} ${shown(n, valueOf(n, i))}`).join(", ")}`)));
  return [
    make("h3", {}, `${net} at ${point}: ${says}`),
    plane.held ? make("p", { class: "small soft" }, `Other hyperparameters: ${plane.held}.`) : null,
    make("dl", { class: "bars" }, ...bars),
    make("p", {}, `Expected validation error ${span(errors.slice(0, 3))}; training error ${span(errors.slice(3))}.`),
    near.length ? make("p", { class: "small" }, "The trials that say most about it:") : null,
    near.length ? make("ul", { class: "small" }, ...near) : null,
  ].filter(Boolean);
}

function ask(at) {
  const inside = (name, place) => (name ? settled(name, Math.min(1, Math.max(0, place))) : place);
  asked = at && { x: inside(view.x, at.x), y: inside(view.y, at.y) };
  const place = document.getElementById("map-point"), plot = document.getElementById("map-plot");
  place.hidden = !asked;
  place.replaceChildren(...(asked ? answer(asked) : []));
  if (plot.layout && drawn.has(plot)) Plotly.relayout(plot, { shapes: cross() });
}

/** A step along an axis; where it takes a few values only, to the next of them. */
function moved(name, from, by) {
  const { choices } = data.map.axes[name];
  return choices ? choices[Math.min(choices.length - 1, Math.max(0, choices.indexOf(settled(name, from)) + by))] : from + STEP * by;
}

function startAsking() {
  const plot = document.getElementById("map-plot"), button = document.getElementById("map-cross");
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  button.addEventListener("click", () => ask(asked ?? { x: 0.5, y: 0.5 }));
  button.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    const from = asked ?? { x: 0.5, y: 0.5 };
    ask({ x: moved(view.x, from.x, step[0]), y: view.y ? moved(view.y, from.y, step[1]) : from.y });
  });
  // Asked a moment later: a change of the figure before plotly has handled the release would take its click away.
  let down = null; // plotly lays a sheet over the page between press and release, so that no click arrives
  plot.addEventListener("pointerdown", (event) => { down = event; }, true);
  addEventListener("pointerup", (event) => {
    const began = down;
    down = null;
    if (!began || Math.hypot(event.clientX - began.clientX, event.clientY - began.clientY) > CLICK) return;
    const { xaxis, yaxis, _size: size } = plot._fullLayout, box = plot.getBoundingClientRect();
    const [x, y] = [xaxis.p2d(event.clientX - box.left - size.l), yaxis.p2d(event.clientY - box.top - size.t)];
    if (x > -0.02 && x < 1.02 && (!view.y || (y > -0.02 && y < 1.02))) setTimeout(() => document.querySelector("dialog[open]") || ask({ x, y: view.y ? y : 0.5 }), 50);
  }, true);
  addEventListener("pointercancel", () => { down = null; }, true);
}
