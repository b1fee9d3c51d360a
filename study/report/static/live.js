// A page that is served while its study runs: it asks how the study stands, and loads itself anew without losing its place.

const ASK_EVERY = 4000, GONE_AFTER = 3; // milliseconds; questions without an answer
const QUIET = 3000; // milliseconds without a key or a click: before, a new page would take away what the reader does
const PLACE = `fitscape ${location.pathname}`;

/** What a reader has chosen, and where on the page they are. */
function place() {
  const sections = [...document.querySelectorAll("main > section")];
  const here = sections.findLast((section) => section.getBoundingClientRect().top <= 60);
  return {
    section: here?.id ?? "", offset: here ? here.getBoundingClientRect().top : -scrollY,
    theme: document.documentElement.dataset.theme ?? "", view: { ...view, stage: view.stage === data.map.stages?.length - 1 ? "last" : data.map.stages?.[view.stage] },
    listing: { ...listing }, measure: measured.name, open: [...document.querySelectorAll("details")].map((e) => e.open),
  };
}

/** Choices first: figures are drawn by them. */
function takeUp() {
  const kept = data.live && JSON.parse(sessionStorage.getItem(PLACE) ?? "null");
  if (!kept) return null;
  if (kept.theme) document.documentElement.dataset.theme = kept.theme;
  Object.assign(listing, kept.listing);
  measured.name = kept.measure ?? measured.name;
  const { stage, ...chosen } = kept.view;
  const last = (data.map.stages?.length ?? 1) - 1, at = data.map.stages?.indexOf(stage) ?? -1;
  kept.view = { ...chosen, stage: at < 0 ? last : at };
  return kept;
}

function goBack(kept) {
  if (!kept) return;
  document.querySelectorAll("details").forEach((e, k) => { if (kept.open[k] !== undefined) e.open = kept.open[k]; });
  const section = document.getElementById(kept.section);
  const top = section ? section.getBoundingClientRect().top + scrollY : 0;
  scrollTo({ top: Math.max(0, top - kept.offset), behavior: "instant" });
}

let touched = 0;
const busy = () => Date.now() - touched < QUIET || document.querySelector("dialog[open]") || ["SELECT", "INPUT"].includes(document.activeElement?.tagName) && Date.now() - touched < 10 * QUIET;

function startLive() {
  if (!data.live) return;
  let silent = 0, timer;
  const tell = (id, text) => { document.getElementById(id).textContent = say(text); };
  const age = () => tell("live-age", `This page knows ${data.live.trials} trials that have ended; it was made at ${new Date(data.live.made * 1000).toLocaleTimeString()}.`);
  const ask = async () => {
    try {
      const answer = await fetch("state", { cache: "no-store" });
      if (!answer.ok) throw new Error(answer.statusText);
      const state = await answer.json();
      silent = 0;
      tell("live-state", state.over ? "This study has ended." : "This study runs.");
      tell("live-line", `${state.line}.`);
      tell("live-latest", state.latest.length && !state.over ? `Ended last: ${state.latest.join("; ")}.` : "");
      if (state.version !== data.live.version && !busy()) {
        sessionStorage.setItem(PLACE, JSON.stringify(place()));
        location.reload();
      }
    } catch {
      if (++silent < GONE_AFTER) return;
      clearInterval(timer);
      tell("live-state", data.live.over ? "This study has ended." : "This page is no longer kept up to date:");
      tell("live-line", data.live.over ? "" : "the command that did so has ended. What is shown was true then.");
    }
  };
  for (const event of ["pointerdown", "keydown"]) addEventListener(event, () => { touched = Date.now(); }, true);
  history.scrollRestoration = "manual";
  age();
  ask();
  timer = setInterval(ask, ASK_EVERY);
}
