// The pages of `sitter serve`: buttons and keys send verdicts, and the server answers with HTML. Nothing else is loaded.
"use strict";

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
let busy = false;

function say(text, trouble = "") {
  $("#status").textContent = text;
  $("#trouble").textContent = trouble;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { $("#status").textContent = ""; $("#trouble").textContent = ""; }, trouble ? 12000 : 5000);
}

// What a browser remembers of its user; a browser that forbids it forgets.
const memory = {
  get(name) { try { return localStorage.getItem(`sitter-${name}`) || ""; } catch { return ""; } },
  set(name, value) { try { localStorage.setItem(`sitter-${name}`, value); } catch { /* forgotten */ } },
};

async function send(address, content) {
  const answer = await fetch(address, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content),
  });
  const told = (answer.headers.get("content-type") || "").startsWith("application/json")
    ? await answer.json() : { error: answer.status === 403 ? "The server was started again: open the address that it showed." : `The server answered ${answer.status}.` };
  return answer.ok ? told : { ...told, error: told.error || `The server answered ${answer.status}.` };
}

// Show a page's content in place of this one's, and keep focus, choice and what was being written.
async function refresh() {
  const answer = await fetch(location.href);
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const focused = document.activeElement && document.activeElement.id;
  const rank = chosen() && chosen().dataset.rank;
  const open = $$("main details").map((one) => one.open);
  for (const part of [".bar", "#main"]) $(part).replaceWith(document.adoptNode($(part, fresh)));
  $$("main details").forEach((one, n) => { one.open = open[n] || false; });
  ready(rank);
  const again = focused && document.getElementById(focused);
  if (again && !again.disabled) again.focus({ preventScroll: true });
  else if (focused) $("#main").focus({ preventScroll: true });
}

function carry(text) { try { sessionStorage.setItem("said", text); } catch { /* unsaid */ } }

async function decide(button) {
  const review = $("#review");
  if (busy || button.disabled || !review) return;
  if (review.dataset.closed) { say("", "Decisions cannot be saved here: see the notice above."); return; }
  let sitters = button.dataset.sitters ? JSON.parse(button.dataset.sitters) : [""];
  if (button.dataset.from) {
    const other = document.getElementById(button.dataset.from).value;
    if (!other) { say("", "Choose a name first."); return; }
    sitters = [other];
  }
  const takenBack = button.getAttribute("aria-pressed") === "true" || !button.dataset.verdict;
  const note = $("#note").value;
  busy = true;
  try {
    const told = await send(`${review.dataset.at}/decide`, {
      verdict: takenBack ? null : button.dataset.verdict, sitters, note, by: $("#by").value, seen: review.dataset.seen,
    });
    if (told.error) { await refresh(); $("#note").value = note; say("", told.error); return; }
    if (!takenBack && memory.get("go-on") && $("#after") && button.dataset.verdict !== "reject") {
      carry(told.said); location.href = $("#after").href; return;
    }
    await refresh();
    if (takenBack) $("#note").value = note;
    say(takenBack ? told.said : `${told.said} Undo: z.`);
  } catch { say("", "The server does not answer. Is `sitter serve` still running? Nothing was saved."); }
  finally { busy = false; }
}

async function undo() {
  if (busy) return;
  busy = true;
  try {
    const told = await send("/undo", {});
    if (told.error) { await refresh(); say("", told.error); return; }
    if (location.pathname === told.address) { await refresh(); say(told.said); }
    else { carry(told.said); location.href = told.address; }
  } catch { say("", "The server does not answer. Is `sitter serve` still running?"); }
  finally { busy = false; }
}

const chosen = () => $(".card.chosen");

function choose(card, focus = false) {
  if (!card || !card.dataset.rank) return;
  $$(".card").forEach((other) => other.classList.toggle("chosen", other === card));
  if (focus) { card.focus({ preventScroll: true }); card.scrollIntoView({ block: "nearest" }); }
}

// The dialog in which portrait and reference are enlarged together; each is moved by dragging or by arrow keys.
const panes = { shift: [[0, 0], [0, 0]], drag: null };

function draw() {
  const zoom = Number($("#zoom").value);
  $$("#compare .pane img").forEach((img, n) => {
    const [x, y] = panes.shift[n];
    img.style.transform = `scale(${zoom}) translate(${x}%, ${y}%)`;
  });
}

function move(n, x, y) {
  const reach = 50;
  panes.shift[n] = panes.shift[n].map((old, axis) => Math.max(-reach, Math.min(reach, old + [x, y][axis])));
  draw();
}

function compare(rank) {
  const at = $("#review").dataset.at, kind = $("#whole").checked ? "whole" : "face";
  const [mine, theirs] = $$("#compare .pane img");
  mine.src = `${at}/${kind}.jpg`;
  theirs.src = `${at}/${rank}/${kind}.jpg`;
  const card = document.getElementById(`card-${rank}`);
  $("#compare-words").textContent = [$("#who").textContent, "and", $("h3", card).textContent.replace(/^\d+\. /, "") + ":", $$("p", card).slice(0, 2).map((p) => p.textContent).join(" · ")].join(" ");
  $("#compare").dataset.rank = rank;
  if (!$("#compare").open) { $("#zoom").value = "1"; panes.shift = [[0, 0], [0, 0]]; $("#compare").showModal(); }
  draw();
}

const KEYS = {
  ArrowLeft: () => $("#before") && $("#before").click(),
  ArrowRight: () => $("#after") && $("#after").click(),
  a: () => chosen() && decide($(".accept", chosen())),
  r: () => chosen() && decide($(".reject", chosen())),
  c: () => chosen() && compare(chosen().dataset.rank),
  m: () => $("#note").focus(),
  z: undo,
  "?": () => $("#help").showModal(),
};

document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (key === "Escape" && target.matches("textarea, input, select") && !target.closest("dialog")) { target.blur(); return; }
  const pane = target.closest(".pane");
  const step = { ArrowLeft: [6, 0], ArrowRight: [-6, 0], ArrowUp: [0, 6], ArrowDown: [0, -6] }[key];
  if (pane && step) { event.preventDefault(); move($$(".pane").indexOf(pane), ...step); return; }
  if (event.altKey || event.ctrlKey || event.metaKey || target.matches("textarea, input:not([type=checkbox]), select")) return;
  if ($("dialog[open]") || !$("#review") || (memory.get("keys") === "off" && key !== "?")) return;
  const button = $(`[data-key="${CSS.escape(key)}"]`);
  if (/^[1-9]$/.test(key)) choose(document.getElementById(`card-${key}`), true);
  else if (button) decide(button);
  else if (KEYS[key]) KEYS[key]();
  else return;
  event.preventDefault();
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  const card = event.target.closest(".card");
  if (card) choose(card);
  if (!button) return;
  if (button.id === "undo") undo();
  else if (button.id === "help-open") $("#help").showModal();
  else if (button.dataset.look) compare(button.dataset.look);
  else if (button.dataset.verdict !== undefined) decide(button);
});

document.addEventListener("focusin", (event) => choose(event.target.closest(".card")));
document.addEventListener("change", (event) => {
  const { target } = event;
  if (target.id === "by") memory.set("by", target.value);
  if (target.id === "keys-on") memory.set("keys", target.checked ? "" : "off");
  if (target.id === "go-on") memory.set("go-on", target.checked ? "yes" : "");
  if (target.id === "whole") compare($("#compare").dataset.rank);
});
document.addEventListener("input", (event) => { if (event.target.id === "zoom") draw(); });
document.addEventListener("pointerdown", (event) => {
  const pane = event.target.closest(".pane");
  if (pane) { panes.drag = { n: $$(".pane").indexOf(pane), x: event.clientX, y: event.clientY, width: pane.clientWidth }; pane.setPointerCapture(event.pointerId); }
});
document.addEventListener("pointermove", (event) => {
  const drag = panes.drag;
  if (!drag) return;
  const share = 100 / (drag.width * Number($("#zoom").value));
  move(drag.n, (event.clientX - drag.x) * share, (event.clientY - drag.y) * share);
  Object.assign(drag, { x: event.clientX, y: event.clientY });
});
document.addEventListener("pointerup", () => { panes.drag = null; });

// What has to be done whenever new content stands in the page.
function ready(rank = "1") {
  if (!$("#review")) return;
  choose(document.getElementById(`card-${rank}`) || $(".card[data-rank]"));
  $("#by").value = memory.get("by");
  $("#keys-on").checked = memory.get("keys") !== "off";
  $("#go-on").checked = memory.get("go-on") === "yes";
}

document.addEventListener("DOMContentLoaded", () => {
  ready();
  let text = "";
  try { text = sessionStorage.getItem("said") || ""; sessionStorage.removeItem("said"); } catch { /* unsaid */ }
  if (text) say(text);
});
