// All trials: sort, filter, page through, open.

const PAGE = 25, PRINTED = 500; // rows on the screen, and on paper
let rowsShown = PAGE, printedFrom = 0;
const listing = { sort: "number", descending: false, text: "", regime: "", net: "", page: 0 };

const columns = () => [
  { key: "number", name: "Trial", number: true, value: (i) => trials.number[i] },
  { key: "net", name: "Architecture", value: (i) => netName(trials.net[i]) },
  { key: "regime", name: "Regime (probability)", value: (i) => lookAt(i).name, cell: regimeCell },
  ...trials.searched.filter((n) => n !== "architecture").map((n) => ({ key: `hyperparameter ${n}`, name: nameOf(n), number: typeof valueOf(n, 0) === "number", value: (i) => valueOf(n, i), text: (i) => shown(n, valueOf(n, i)) })),
  { key: "train_error", name: "Training error", number: true, value: (i) => trials.train_error[i], text: (i) => errorText(i, trials.train_error[i]) },
  { key: "val_error", name: "Validation error", number: true, value: (i) => trials.val_error[i], text: (i) => errorText(i, trials.val_error[i]) },
  { key: "parameters", name: "Parameters", number: true, value: (i) => trials.parameters[i], text: (i) => magnitude(trials.parameters[i]) },
  trials.steps.some((v) => v !== null)
    ? { key: "steps", name: "Steps (passes)", number: true, value: (i) => trials.steps[i], text: effortText }
    : { key: "epochs", name: "Epochs", number: true, value: (i) => trials.epochs[i] },
  { key: "seconds", name: "Time", number: true, value: (i) => trials.seconds[i], text: (i) => duration(trials.seconds[i]) },
  { key: "seed", name: "Seed", number: true, value: (i) => hyperparameter("seed", i) },
  ...(trials.state.every((state) => state === "finished") ? [] : [{ key: "state", name: "State", value: (i) => trials.state[i] }]),
];

/** Steps of the optimizer, and passes over the trial's own images: an epoch may be either. */
const effortText = (i) => (trials.steps[i] === null ? "not measured" : `${shown("", trials.steps[i])}${trials.passes[i] === null ? "" : ` (${shown("", trials.passes[i])})`}`);

function regimeCell(i) {
  const look = lookAt(i);
  const p = rates(trials.probability)[i];
  const degraded = trials.flags[trials.number[i]]?.includes("degraded") ? " ⚑ degraded" : "";
  return make("span", { class: look.name === "undecided" ? null : "nowrap" }, make("span", { "aria-hidden": "true", class: "key", style: `color:${look.colour}` }, look.glyph), `${labelName(i)}${degraded}`, p === null || look.name === "undecided" ? null : make("span", { class: "soft" }, " (", chance(p), ")"));
}

function chosen() {
  const all = columns(), column = all.find((c) => c.key === listing.sort), words = listing.text.toLowerCase().split(/\s+/).filter(Boolean);
  const both = (text) => (data.words ? `${text} ${say(text)}` : text);
  const said = (i) => all.map((c) => `${both(c.name)} ${both(String(c.text ? c.text(i) : c.value(i)))}`).join(" ").toLowerCase() + ` ${trials.id[i]} #${trials.number[i]} ${trials.origin[i]}`;
  const found = trials.number.map((_, i) => i).filter((i) =>
    (!listing.regime || lookAt(i).name === listing.regime) && (!listing.net || trials.net[i] === listing.net) && (!words.length || words.every((w) => said(i).includes(w))));
  const sign = listing.descending ? -1 : 1;
  return found.sort((a, b) => {
    const [u, v] = [column.value(a), column.value(b)];
    if (u === null || v === null) return (u === null) - (v === null); // what was not measured comes last either way
    return sign * (typeof u === "number" && typeof v === "number" ? u - v : String(u).localeCompare(String(v))) || a - b;
  });
}

function head(all) {
  return make("tr", {}, ...all.map((c) => make("th", { scope: "col", class: c.number ? "n" : null, "aria-sort": c.key === listing.sort ? (listing.descending ? "descending" : "ascending") : null },
    make("button", { type: "button", "data-sort": c.key, onclick: () => {
      listing.descending = c.key === listing.sort && !listing.descending;
      Object.assign(listing, { sort: c.key, page: 0 });
      fill();
      document.querySelector(`[data-sort="${CSS.escape(c.key)}"]`).focus();
    } }, c.name))));
}

function row(i, all) {
  return make("tr", {}, ...all.map((c) => {
    if (c.key === "number") return make("th", { scope: "row", class: "n" }, make("button", { type: "button", class: "open", "data-trial": trials.number[i], "aria-label": `Open trial ${trials.number[i]}` }, `#${trials.number[i]}`));
    return make("td", { class: c.number ? "n" : null }, c.cell ? c.cell(i) : String((c.text ? c.text(i) : c.value(i)) ?? "not measured"));
  }));
}

function fill() {
  const all = columns(), found = chosen(), pages = Math.max(1, Math.ceil(found.length / rowsShown));
  listing.page = Math.min(listing.page, pages - 1);
  const start = listing.page * rowsShown, here = found.slice(start, start + rowsShown);
  document.querySelector("#trials-table thead").replaceChildren(head(all));
  document.querySelector("#trials-table tbody").replaceChildren(...here.map((i) => row(i, all)));
  document.getElementById("trials-text").textContent = say(found.length
    ? `Trials ${start + 1} to ${start + here.length} of ${found.length}${found.length < trials.number.length ? ` (of ${trials.number.length} in all)` : ""}. The number opens a trial.`
    : "No trial fits the filter.");
  const turn = (by) => () => { listing.page += by; fill(); };
  document.getElementById("trials-pages").replaceChildren(
    make("button", { type: "button", disabled: listing.page === 0, onclick: turn(-1) }, "Previous"),
    make("span", { class: "soft number" }, `page ${listing.page + 1} of ${pages}`),
    make("button", { type: "button", disabled: listing.page >= pages - 1, onclick: turn(1) }, "Next"));
}

function startTable() {
  if (!trials.number.length) return;
  const set = (key) => (value) => { Object.assign(listing, { [key]: value, page: 0 }); fill(); };
  const regimes = [...new Set(trials.number.map((_, i) => lookAt(i).name))].map((key) => ({ key, name: key }));
  const nets = [...new Set(trials.net)].sort().map((key) => ({ key, name: netName(key) }));
  document.getElementById("trials-controls").append(
    make("label", {}, "Filter", make("input", { type: "search", value: listing.text, placeholder: "overfit width 0.5 ...", oninput: (e) => set("text")(e.target.value) })),
    select("Regime", [{ key: "", name: "all" }, ...regimes], listing.regime, set("regime")),
    select("Architecture", [{ key: "", name: "all" }, ...nets], listing.net, set("net")));
  fill();
  addEventListener("beforeprint", () => { printedFrom = listing.page; rowsShown = PRINTED; listing.page = 0; fill(); });
  addEventListener("afterprint", () => { rowsShown = PAGE; listing.page = printedFrom; fill(); });
}
