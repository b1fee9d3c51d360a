// One way to draw: plotly with the page's colours, drawn when first seen and again when the theme or width changes.

const SERIES = [["#0072B2", "circle", "solid"], ["#D55E00", "square", "dash"], ["#009E73", "diamond", "dot"], ["#CC79A7", "triangle-up", "dashdot"], ["#E69F00", "x", "longdash"], ["#7F7F7F", "cross", "solid"], ["#56B4E9", "star", "dash"], ["#9467bd", "hexagon", "dot"]];
const drawn = new Map();
const probe = document.body.appendChild(make("span", { hidden: true }));

function colour(name) {
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

function faded(hex, alpha) {
  const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  return `rgba(${r},${g},${b},${alpha})`;
}

function axis(title, more = {}) {
  return { title: { text: title, standoff: 8 }, gridcolor: colour("rule"), linecolor: colour("soft"), zeroline: false, fixedrange: true, automargin: true, ticklabeloverflow: "allow", ...more };
}

/** Steps of a log axis in whole decades, at most so many: digits between them would be printed over their exponents. */
function decades(values, most) {
  const found = values.filter((v) => v > 0).map(Math.log10);
  return Math.max(1, Math.ceil((Math.max(...found) - Math.min(...found)) / most) || 1);
}

/** Powers of ten as one reads them: as numbers where all are short, else all by their exponents. Plotly's own are larger than other ticks. */
function powers(exponents) {
  const short = exponents.every((k) => k >= -3 && k <= 4);
  return exponents.map((k) => (short ? Number(`1e${k}`).toLocaleString("en") : k === 0 ? "1" : `10<sup>${k < 0 ? "\u2212" : ""}${Math.abs(k)}</sup>`));
}

/** Ticks of a log axis at powers of ten, at most so many; at round numbers between them where those would be too few. */
function powerTicks(values, most) {
  const found = values.filter((v) => v > 0);
  if (!found.length) return {};
  const low = Math.min(...found), high = Math.max(...found), step = decades(found, most);
  const exponents = Array.from({ length: 80 }, (_, k) => k - 40).filter((k) => k % step === 0 && k >= Math.log10(low) - 0.1 && k <= Math.log10(high) + 0.1);
  return exponents.length < 2 ? roundTicks(low, high, (v) => shown("", v)) : { tickvals: exponents.map((k) => 10 ** k), ticktext: powers(exponents) };
}

/** Ticks of a log axis at round values, at most so many: the finest steps of which there are not too many. */
function roundTicks(low, high, worded, most = 8, known = null) {
  const decades = Array.from({ length: 40 }, (_, k) => 10 ** (k - 12));
  const all = (known ?? [[1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 4, 5, 6, 7, 8, 9], [1, 1.5, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]].map((steps) => decades.flatMap((d) => steps.map((s) => s * d)))).map((values) => values.filter((v) => v >= low * 0.8 && v <= high * 1.25));
  const tickvals = all.find((values) => values.length <= most) ?? all.at(-1);
  return { tickvals, ticktext: tickvals.map((v) => worded(Number(v.toPrecision(2)))) };
}

function layout(more = {}) {
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: colour("ink") },
    margin: { l: 8, r: 24, t: 8, b: 8 }, hovermode: "closest", dragmode: false, showlegend: false,
    hoverlabel: { align: "left", bgcolor: colour("card"), bordercolor: colour("soft"), font: { color: colour("ink"), size: 13 } },
    legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0, font: { size: 13 } },
    ...more,
  };
}

/** Regimes with their markers, as a list beside a figure. */
function regimeKey(id, looks) {
  const mark = (look) => make("span", { class: "key", "aria-hidden": "true", style: `color:${look.colour}` }, look.glyph);
  document.getElementById(id)?.append(...looks.map((look) => make("li", {}, mark(look), look.name)));
}

/** `make` returns {traces, layout}; it is called again for another theme. */
function draw(id, figure, onclick) {
  const element = typeof id === "string" ? document.getElementById(id) : id;
  const first = !drawn.has(element);
  drawn.set(element, figure);
  const { traces, layout: arrangement } = spokenFigure(figure());
  Plotly.react(element, traces, arrangement, { displayModeBar: false, responsive: true });
  if (first) element.after(savers(element));
  if (first && onclick) element.on("plotly_click", (event) => onclick(event.points[0]));
}

const SLIDE = { width: 1600, height: 900 }; // pixels

/** Buttons that save a figure as it is, in the size of a slide and on paper of the theme's colour. */
function savers(element) {
  const save = (format) => async () => {
    const { traces, layout: arrangement } = spokenFigure(drawn.get(element)());
    const figure = { data: traces, layout: { ...arrangement, ...SLIDE, paper_bgcolor: colour("card"), font: { ...arrangement.font, size: 22 } } };
    await Plotly.downloadImage(figure, { format, ...SLIDE, filename: `${document.title.split(" · ")[0]}-${element.id || "curves"}` });
  };
  const name = element.getAttribute("aria-label")?.split(/[.;,:]/)[0] ?? "figure";
  const button = (format) => make("button", { type: "button", class: "save", onclick: save(format), "aria-label": `Save as ${format.toUpperCase()}: ${name}` }, format.toUpperCase());
  return make("p", { class: "savers" }, "Save ", button("png"), " ", button("svg"));
}

const waiting = new IntersectionObserver((entries) => {
  for (const entry of entries)
    if (entry.isIntersecting) {
      waiting.unobserve(entry.target);
      entry.target.fitscape();
    }
}, { rootMargin: "600px" });

/** Draw when the reader comes near: opening the page does not wait for figures far below. */
function drawLater(id, figure, onclick) {
  const element = typeof id === "string" ? document.getElementById(id) : id;
  if (!element) return;
  element.fitscape = () => draw(element, figure, onclick);
  waiting.observe(element);
}

function redraw() {
  for (const [element, figure] of drawn) {
    if (!element.isConnected) drawn.delete(element);
    else draw(element, figure);
  }
}

function themes() {
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const name = () => {
    button.textContent = say(dark() ? "Light" : "Dark");
    button.setAttribute("aria-label", say(`Switch to ${dark() ? "light" : "dark"} colours`));
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    name();
    redraw();
  });
  system.addEventListener("change", () => { name(); redraw(); });
  addEventListener("beforeprint", () => { for (const e of document.querySelectorAll(".plot")) if (!drawn.has(e)) e.fitscape?.(); });
  name();
}
