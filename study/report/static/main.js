// Tables first, then figures: the page can be read while plotly unpacks.

async function start() {
  await speak();
  blob = await inflate("arrays");
  const kept = takeUp();
  startTable();
  startDetail();
  const script = document.createElement("script"); // not by `make`, which reads what it is given as language
  script.textContent = new TextDecoder().decode(await inflate("plotly"));
  document.head.append(script);
  themes();
  startMap(kept?.view);
  startCurves();
  startFigures();
  startCost();
  goBack(kept);
  startLive();
  document.documentElement.dataset.ready = "true";
}

start().catch((error) => {
  const place = document.getElementById("trouble");
  place.hidden = false;
  place.textContent = say(`The figures could not be drawn (${error.message}). A browser of 2023 or later is needed.`);
  throw error;
});
