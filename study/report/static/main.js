// Tables first, then figures: the page can be read while plotly unpacks.

async function start() {
  blob = await inflate("arrays");
  const kept = takeUp();
  startTable();
  startDetail();
  document.head.append(make("script", {}, new TextDecoder().decode(await inflate("plotly"))));
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
  place.textContent = `The figures could not be drawn (${error.message}). A browser of 2023 or later is needed.`;
  throw error;
});
