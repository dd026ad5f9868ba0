// Rows come rendered from the server, as events happen; the page keeps the latest few hundred.
const table = document.getElementById("events");
const body = table.tBodies[0];
const live = document.getElementById("live");
const pause = document.getElementById("pause");
const most = 300;
let source;

function follow() {
  source = new EventSource(table.dataset.stream);
  source.addEventListener("state", (message) => { live.textContent = message.data; });
  source.onerror = () => { live.textContent = "Not live: the connection was lost, and is tried again."; };
  source.onmessage = (message) => {
    const holder = document.createElement("template");
    holder.innerHTML = message.data; // escaped by the server's template
    const row = holder.content.firstElementChild;
    row.classList.add("fresh");
    body.prepend(row);
    while (body.rows.length > most) body.deleteRow(-1);
  };
}

pause.hidden = false;
pause.addEventListener("click", () => {
  if (source) { source.close(); source = undefined; live.textContent = "Paused."; pause.textContent = "Go on"; return; }
  pause.textContent = "Pause";
  follow();
});
addEventListener("pagehide", () => source && source.close());
follow();
