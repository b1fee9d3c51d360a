// What the page was given, and arrays cut from the one compressed blob.

const MISSING = 65535;
const data = JSON.parse(document.getElementById("numbers").textContent);
const trials = data.trials;
const byNumber = new Map(trials.number.map((number, i) => [number, i]));
let blob;

async function inflate(id) {
  const element = document.getElementById(id);
  const bytes = Uint8Array.from(atob(element.textContent.trim()), (c) => c.charCodeAt(0));
  element.remove();
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

function cut({ at, n, type }) {
  const kinds = { u8: Uint8Array, u16: Uint16Array, f32: Float32Array };
  return new kinds[type](blob, at, n);
}

/** Shares from 0 to 1; null where nothing finite was measured. */
function rates(reference) {
  return Array.from(cut(reference), (v) => (v === MISSING ? null : v / (MISSING - 1)));
}

/** Losses, which are packed by their logarithm. */
const losses = (reference) => rates(reference).map((v) => (v === null ? null : 10 ** (v * 22 - 8)));

function hyperparameter(name, i) {
  const column = trials.hyperparameters[name];
  return "one" in column ? column.one : column.all[i];
}

function valueOf(name, i) {
  return name === "architecture" ? trials.net[i] : hyperparameter(name, i);
}

const nameOf = (hyperparameterName) => data.names[hyperparameterName] ?? hyperparameterName.replaceAll("_", " ");
const netName = (net) => data.nets[net] ?? net;
const linspace = (n) => Array.from({ length: n }, (_, i) => (n > 1 ? i / (n - 1) : 0.5));

function percent(share) {
  if (share === null || share === undefined) return "not measured";
  const shown = 100 * share;
  if (shown > 0 && shown < 0.1) return "below 0.1\u00a0%";
  if (shown >= 99.95 && shown < 100) return "above 99.9\u00a0%";
  return `${shown.toFixed(shown === 0 || (shown >= 9.95 && shown < 99.5) || shown >= 100 ? 0 : 1)}\u00a0%`;
}

/** An end that cannot be told from none or all is left out; ends that would read alike have a decimal more. */
function interval(low, high) {
  const none = low > 0 && low < 0.001, all = high >= 0.9995 && high < 1;
  if (high < 0.001) return percent(high);
  if (percent(low) === percent(high)) {
    const finer = [low, high].map((end) => `${(100 * end).toFixed(1)}\u00a0%`);
    return finer[0] === finer[1] ? percent(high) : finer.join(" to ");
  }
  if (none || all) return none && all ? "0\u00a0% to 100\u00a0%" : none ? `at most ${percent(high)}` : `at least ${percent(low)}`;
  return `${percent(low)} to ${percent(high)}`;
}

/** A probability in two digits, never a false certainty. */
function chance(p) {
  return p > 0.99 ? "above 0.99" : p < 0.01 ? "below 0.01" : p.toFixed(2);
}

function shown(name, value) {
  if (value === null || value === undefined) return "not set";
  if (name === "architecture") return netName(value);
  if (name === "weights") return String(value).split("@")[0].replace("study:", "from study ");
  if (typeof value !== "number") return String(value);
  if (name === "train_fraction" || name === "label_noise") return percent(value);
  if (Math.abs(value) < 1e-4 && value !== 0) return value.toExponential(2).replace(/\.?0+e/, "e");
  return Number.isInteger(value) || Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : Number(value.toPrecision(3)).toString();
}

function magnitude(value) {
  if (value === null || value === undefined) return "not measured";
  for (const [unit, size] of [["T", 1e12], ["G", 1e9], ["M", 1e6], ["k", 1e3]])
    if (value >= size) return `${Number((value / size).toPrecision(3))}\u00a0${unit}`;
  return String(value);
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "not measured";
  if (seconds < 120) return `${Number(seconds.toPrecision(3))}\u00a0s`;
  return seconds < 7200 ? `${(seconds / 60).toFixed(1)}\u00a0min` : `${(seconds / 3600).toFixed(1)}\u00a0h`;
}

/** An error that is missing because training broke down is an outcome, not a gap. */
function errorText(i, value) {
  if (value !== null) return percent(value);
  return trials.state[i] === "diverged" ? "diverged" : "not measured";
}

/** The regime as a label has it under the study's own tau; the regimes it lies between instead of "undecided". */
const labelName = (i) => (lookAt(i).name === "undecided" ? trials.between[trials.number[i]]?.[0] : null) ?? lookAt(i).name;

function lookAt(i, tau = data.map.taus?.indexOf(data.tau) ?? 0, stage = -1) {
  return data.looks[cut(trials.regimes.at(stage)[Math.max(tau, 0)])[i]];
}

const READ_OUT = ["aria-label", "alt", "title", "placeholder"];

/** Elements without markup: every text is a text node, whatever it holds, in the page's language. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, READ_OUT.includes(key) ? say(value) : value);
  }
  element.append(...children.filter((c) => c !== null && c !== undefined).map(say));
  return element;
}

function select(label, options, value, onchange) {
  const list = make("select", { onchange: (event) => onchange(event.target.value) });
  for (const { key, name } of options) list.append(make("option", { value: key, selected: String(key) === String(value) }, name));
  return make("label", {}, label, list);
}

/** Text for plotly, which reads a little markup of its own. */
const escaped = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
