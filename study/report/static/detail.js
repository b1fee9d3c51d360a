// One trial, opened from the map, a curve or the table.

function listed(entries) {
  return make("dl", { class: "hyperparameters" }, ...entries.map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, text))));
}

function detailCurves(i) {
  return () => {
    const curve = curveOf(i), mode = curve.epoch.length > 1 ? "lines" : "markers";
    const form = measured.name === "error" ? ".2%" : ".4g";
    const traces = KEYS[measured.name].map((key, k) => ({
      type: "scatter", mode, x: curve.epoch, y: curve[key], name: SAID[key], showlegend: true, line: { color: colour(k ? "accent" : "ink"), width: 2.4, dash: k ? "solid" : "dash" }, hovertemplate: `${SAID[key]}, epoch %{x}: %{y:${form}}<extra></extra>`,
    }));
    return { traces, layout: layout({ xaxis: epochAxis([curve], 10), yaxis: measureAxis([curve], false), showlegend: true }) };
  };
}

function detailGradients({ first, last, step }) {
  return () => {
    const traces = [[first, "at initialization", "dot"], [last, `at step ${step}`, "solid"]].map(([reference, name, dash]) => {
      const y = Array.from(cut(reference), (v) => (Number.isFinite(v) && v > 0 ? v : null));
      return { type: "scatter", mode: "lines", x: y.map((_, k) => k + 1), y, name, showlegend: true, line: { width: 2, dash, color: colour(dash === "solid" ? "accent" : "ink") } };
    });
    return { traces, layout: layout({ xaxis: axis("layer, from the input"), yaxis: axis("gradient norm", { type: "log", ...powerTicks(traces.flatMap((t) => t.y), 5) }), showlegend: true }) };
  };
}

function mlflowLink(i) {
  if (!data.mlflow) return null;
  const filter = encodeURIComponent(`tags.trial_id = '${trials.id[i]}'`);
  return make("p", {}, make("a", { href: `${data.mlflow.base}?workflowType=machine_learning&searchFilter=${filter}`, target: "_blank", rel: "noopener noreferrer" }, "Its run in MLflow"), data.mlflow.how ? make("span", { class: "soft" }, ` (${data.mlflow.how})`) : null);
}

function openDetail(i) {
  const dialog = document.getElementById("detail"), number = trials.number[i], look = lookAt(i);
  const flags = trials.flags[number] ?? [], p = rates(trials.probability)[i], gradients = trials.gradients[number];
  const curves = make("div", { class: "plot short", role: "img", "aria-label": `Learning curves of trial ${number}: training error ${errorText(i, trials.train_error[i])} and validation error ${errorText(i, trials.val_error[i])} at the end` });
  const profile = make("div", { class: "plot short", role: "img", "aria-label": `Gradient norms by layer of trial ${number}` });
  const config = Object.keys(trials.hyperparameters).map((name) => [nameOf(name), shown(name, hyperparameter(name, i))]);
  dialog.replaceChildren(...[
    make("div", { class: "line" },
      make("h2", { id: "detail-title" }, `Trial ${number}: ${netName(trials.net[i])}`),
      make("button", { type: "button", onclick: () => dialog.close() }, "Close")),
    make("p", {}, make("span", { "aria-hidden": "true", class: "key", style: `color:${look.colour}` }, look.glyph), make("b", {}, labelName(i)), p === null || look.name === "undecided" ? null : ` with probability ${chance(p)}`, `. ${look.meaning}`),
    trials.between[number]?.[1] ? make("p", { class: "small" }, `Open: ${trials.between[number][1]}.`) : null,
    trials.by_map.includes(number) ? make("p", { class: "small" }, "Decided with its neighbours on the map: its own runs alone leave it open.") : null,
    ...flags.map((flag) => make("p", { class: "small" }, make("b", {}, `⚑ ${flag.replaceAll("_", " ")}. `), data.flags[flag] ?? "")),
    trials.message[number] ? make("p", {}, `Said: ${trials.message[number]}`) : null,
    listed([
      ["validation error", errorText(i, trials.val_error[i])], ["training error", errorText(i, trials.train_error[i])], ["validation images", trials.val_n[i] === null ? "not measured" : shown("", trials.val_n[i])],
      ["epochs run", shown("", trials.epochs[i])], ["steps (passes over its images)", effortText(i)], ["time", duration(trials.seconds[i])], ["parameters", magnitude(trials.parameters[i])], ["operations an image", magnitude(trials.flops[i])],
      ["state", trials.state[i]], ["suggested by", trials.origin[i]], ["attempts", shown("", trials.attempts[number] ?? 1)], ["trial id", trials.id[i]],
    ]),
    trials.curves.points[i] && trials.curves.losses ? make("div", { class: "controls" }, measureSwitch(() => draw(curves, detailCurves(i)))) : null,
    trials.curves.points[i] ? curves : make("p", { class: "soft" }, "Learning curves: not measured."),
    gradients ? profile : null,
    make("h3", {}, "Configuration"), listed(config), mlflowLink(i),
  ].filter(Boolean));
  dialog.showModal();
  dialog.scrollTop = 0;
  if (trials.curves.points[i]) draw(curves, detailCurves(i));
  if (gradients) draw(profile, detailGradients(gradients));
}

function startDetail() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-trial]");
    if (opener && byNumber.has(Number(opener.dataset.trial))) openDetail(byNumber.get(Number(opener.dataset.trial)));
  });
  const dialog = document.getElementById("detail");
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}
