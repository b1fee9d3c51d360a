// What is shown goes through `say`: English messages are put into the page's language, as language/catalogue.py does.

const NUMBER = "(?:(?:below|above|about|at most|at least) )?[-+]?\\d[\\d,.]*(?:e[-+]?\\d+)?(?:[\\u00a0 ](?:%|[kMGT]|s|min|h))?";
const SLOT = /\{(\w+)\}/;
const GLYPHS = "●▲▼✕✚◇○⚑✓✗·.,";

/** What puts texts into a language, by its messages. */
function speaker(words) {
  const known = new Map(), patterns = new Map();
  const literal = (text) => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  const expression = (message) => {
    const seen = new Set();
    return new RegExp(`^${message.split(SLOT).map((part, k) => {
      if (k % 2 === 0) return literal(part);
      if (seen.has(part)) return `\\k<_${part}>`;
      seen.add(part);
      return `(?<_${part}>${/^n\d*$/.test(part) ? NUMBER : part === "i" ? "[^();]+?" : "(?:(?![.?!]\\s[A-Z])[^])+?"})`;
    }).join("")}$`);
  };
  const bare = (message) => message.replaceAll(/\{\w+\}/g, "").length;
  for (const message of Object.keys(words).sort((a, b) => bare(b) - bare(a))) {
    if (!SLOT.test(message)) continue;
    const begin = message.slice(0, 2).includes("{") ? "" : message.slice(0, 2);
    patterns.set(begin, [...(patterns.get(begin) ?? []), [expression(message), words[message]]]);
  }
  function byMessage(text) {
    if (Object.hasOwn(words, text)) return words[text];
    for (const [pattern, message] of [...(patterns.get(text.slice(0, 2)) ?? []), ...(patterns.get("") ?? [])]) {
      const found = pattern.exec(text);
      if (found) return message.replaceAll(/\{(\w+)\}/g, (_, name) => spoken(found.groups[`_${name}`]));
    }
    return null;
  }
  function byParts(text, between) {
    const parts = text.split(between);
    return parts.length > 1 && parts.some((part, k) => k % 2 === 0 && look(part) !== null) ? parts.map((part, k) => (k % 2 ? part : spoken(part))).join("") : null;
  }
  function look(text) {
    const core = text.trim().replaceAll("\u00a0", " "); // before a percent sign; messages have none
    if (!known.has(core)) known.set(core, byMessage(core) ?? byParts(core, /((?<=[.?!])\s+(?=[A-Z#\d<(-]))/) ?? byParts(core, /(, |; | · |<[^>]*>| \/ )/));
    return known.get(core);
  }
  function spoken(text) {
    const core = text.replace(new RegExp(`^[\\s${GLYPHS}]+`), "").trim();
    if (!/[A-Za-z]{2}/.test(core)) return text;
    const found = look(core);
    return found === null ? text : text.replace(core, () => found.replace(/(?<=\d) %/g, "\u00a0%"));
  }
  return spoken;
}

let speaking = null;

function say(text) {
  if (!data.words || typeof text !== "string") return text;
  speaking ??= speaker(data.words);
  return speaking(text);
}

/** The language that the address asks for (?lang=ko), else the first that the browser prefers and the page holds. */
function preferred(held) {
  const asked = [new URLSearchParams(location.search).get("lang"), ...navigator.languages].filter(Boolean);
  return asked.map((name) => name.split("-")[0].toLowerCase()).find((name) => held.includes(name)) ?? held[0];
}

/** The page in the reader's language, and a button for every other one that it holds. */
async function speak() {
  const english = document.documentElement.lang, held = [english, ...Array.from(document.querySelectorAll("script[data-language]"), (e) => e.dataset.language)];
  const language = preferred(held);
  if (language !== english) {
    const { html, words } = JSON.parse(new TextDecoder().decode(await inflate(`in-${language}`)));
    const page = document.getElementById("page"), pictures = Array.from(page.querySelectorAll("img"), (image) => image.src);
    page.innerHTML = html;
    for (const image of page.querySelectorAll("img[data-picture]")) image.src = pictures[image.dataset.picture];
    document.documentElement.lang = language;
    data.words = words;
  }
  const named = (name) => new Intl.DisplayNames([name], { type: "language" }).of(name);
  const go = (name) => () => { location.search = `?lang=${name}`; };
  for (const name of held.filter((one) => one !== language)) document.getElementById("switches").prepend(make("button", { type: "button", class: "language", lang: name, onclick: go(name) }, named(name)));
}

/** A figure's texts in the page's language. */
function spokenFigure({ traces, layout }) {
  if (!data.words) return { traces, layout };
  const each = (value) => (Array.isArray(value) ? value.map(say) : say(value));
  const axes = Object.fromEntries(Object.entries(layout).filter(([key]) => /^[xy]axis/.test(key)).map(([key, one]) => [key, { ...one, title: { ...one.title, text: say(one.title?.text ?? "") }, ...(one.ticktext ? { ticktext: each(one.ticktext) } : {}) }]));
  const names = (trace) => Object.fromEntries(["name", "text", "hovertemplate", ...(trace.orientation === "h" ? ["y"] : [])].filter((key) => trace[key] !== undefined).map((key) => [key, each(trace[key])]));
  const title = layout.title ? { title: { ...layout.title, text: say(layout.title.text) } } : {};
  const annotations = layout.annotations ? { annotations: layout.annotations.map((one) => ({ ...one, text: say(one.text) })) } : {};
  return { traces: traces.map((trace) => ({ ...trace, ...names(trace) })), layout: { ...layout, ...axes, ...title, ...annotations } };
}
