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

// Settings that a browser remembers for its user; if the browser forbids it, they are forgotten.
const memory = {
  get(name) { try { return localStorage.getItem(`sitter-${name}`) || ""; } catch { return ""; } },
  set(name, value) { try { localStorage.setItem(`sitter-${name}`, value); } catch { /* forgotten */ } },
};

async function send(address, content) {
  return understood(await fetch(address, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content),
  }));
}

async function understood(answer) {
  const told = (answer.headers.get("content-type") || "").startsWith("application/json")
    ? await answer.json() : { error: answer.status === 403 ? "The server was started again: open the address that it showed." : `The server answered ${answer.status}.` };
  return answer.ok ? told : { ...told, error: told.error || `The server answered ${answer.status}.` };
}

// Replace this page's content by a new page's, and keep the focus, the chosen candidate and text that is being written.
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
    const whole = button.dataset.verdict !== "reject" || button.id === "v-nobody"; // after one sitter others may follow
    if (!takenBack && whole && memory.get("go-on") && $("#after")) {
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

function compare(button) {
  if (!button) return;
  const whole = $("#whole").checked, { mine, theirs, mineWhole, theirsWhole } = button.dataset;
  const [left, right] = $$("#compare .pane img");
  left.src = whole ? mineWhole : mine;
  right.src = whole ? theirsWhole : theirs;
  const card = button.closest(".card");
  $("#compare-words").textContent = `${$("h3", card).textContent}: ${$$("p", card).slice(0, 2).map((p) => p.textContent).join(" · ")}`;
  compare.button = button;
  if (!$("#compare").open) { $("#zoom").value = "1"; panes.shift = [[0, 0], [0, 0]]; $("#compare").showModal(); }
  draw();
}

// Dropped pictures: send them unchanged, draw boxes on them, and forget them.
async function put(files, place) {
  const most = 2 - place;
  if (!files.length || busy) return;
  if (files.length > most) { say("", `${files.length} pictures are too many: drop one, or two in the first field.`); return; }
  busy = true;
  try {
    for (const [n, file] of files.entries()) {
      if (file.size > Number($("#look").dataset.most) * 1e6) { say("", `${file.name} is too large: ${$("#look").dataset.most} MB are the most.`); continue; }
      say(`Looking at ${file.name} … the first picture takes some seconds.`);
      clearTimeout(say.timer);
      const query = new URLSearchParams({ place: place + n, name: file.name, where: $("#where").value });
      const answer = await fetch(`/look/picture?${query}`, { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file });
      await tell(answer);
    }
  } catch { say("", "The server does not answer. Is `sitter serve` still running?"); }
  finally { busy = false; }
}

async function tell(answer) {
  const told = await understood(answer);
  if (!told.error) await refresh();
  say(told.error ? "" : told.said, told.error);
}

async function correct(place, content) {
  if (busy) return;
  busy = true;
  try {
    const told = await send(`/look/${place}/correct`, content);
    await refresh();
    say(told.error ? "" : told.said, told.error);
  } catch { say("", "The server does not answer. Is `sitter serve` still running?"); }
  finally { busy = false; }
}

async function take({ question, number, faceless }) {
  if (busy) return;
  busy = true;
  say("Looking at the picture again … this takes some seconds.");
  clearTimeout(say.timer);
  try {
    const told = await send("/look/from", { question, number: Number(number), faceless: Boolean(faceless) });
    if (told.error) { say("", told.error); return; }
    carry(told.said);
    location.href = told.address;
  } catch { say("", "The server does not answer. Is `sitter serve` still running?"); }
  finally { busy = false; }
}

async function askAgain(where) {
  for (const part of $$("section.handed").map((section) => section.dataset.place)) await correct(part, { where });
}

// Drawing a box: from where the pointer goes down to where it goes up, in pixels of the picture.
const pen = { place: null, from: null };

function at(svg, event) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return [point.x, point.y];
}

function hold(button) {
  const on = button.getAttribute("aria-pressed") !== "true";
  $$("[data-draw]").forEach((other) => other.setAttribute("aria-pressed", String(on && other === button)));
  pen.place = on ? button.dataset.draw : null;
  $$("svg.whole-picture").forEach((svg) => svg.classList.toggle("drawing", svg.dataset.place === pen.place));
  if (on) say("Draw a box around the face: press, pull and let go.");
}

function stretch(svg, to) {
  const box = $(".drawn", svg), [x, y] = pen.from;
  box.removeAttribute("hidden");
  box.setAttribute("x", Math.min(x, to[0])); box.setAttribute("y", Math.min(y, to[1]));
  box.setAttribute("width", Math.abs(to[0] - x)); box.setAttribute("height", Math.abs(to[1] - y));
}

const KEYS = {
  ArrowLeft: () => $("#before") && $("#before").click(),
  ArrowRight: () => $("#after") && $("#after").click(),
  a: () => chosen() && decide($(".accept", chosen())),
  r: () => chosen() && decide($(".reject", chosen())),
  c: () => chosen() && compare($(".look", chosen())),
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
  else if (button.dataset.mine) compare(button);
  else if (button.id === "forget") { send("/look/forget", {}).then(async (told) => { await refresh(); say(told.said || "", told.error); }); }
  else if (button.dataset.question) take(button.dataset);
  else if (button.dataset.keep) send(`/look/${button.dataset.keep}/keep`, {}).then((told) => say(told.said || "", told.error));
  else if (button.dataset.face) correct(button.dataset.place, { face: Number(button.dataset.face) });
  else if (button.dataset.draw) hold(button);
  else if (button.dataset.find) correct(button.dataset.find, {});
  else if (button.dataset.use) correct(button.dataset.use, { box: [0, 1, 2, 3].map((n) => Number(document.getElementById(`box-${button.dataset.use}-${n}`).value)) });
  else if (button.dataset.verdict !== undefined) decide(button);
});

document.addEventListener("focusin", (event) => choose(event.target.closest(".card")));
document.addEventListener("change", (event) => {
  const { target } = event;
  if (target.id === "by") memory.set("by", target.value);
  if (target.id === "keys-on") memory.set("keys", target.checked ? "" : "off");
  if (target.id === "go-on") memory.set("go-on", target.checked ? "yes" : "");
  if (target.id === "whole") compare(compare.button);
  if (target.id === "where") askAgain(target.value);
  if (target.type === "file") put([...target.files], Number(target.dataset.place));
});
document.addEventListener("wheel", (event) => {
  if (!event.target.closest(".pane")) return;
  event.preventDefault();
  const zoom = $("#zoom");
  zoom.value = String(Number(zoom.value) * (event.deltaY < 0 ? 1.15 : 1 / 1.15));
  draw();
}, { passive: false });
document.addEventListener("input", (event) => { if (event.target.id === "zoom") draw(); });
for (const kind of ["dragover", "drop"]) {
  document.addEventListener(kind, (event) => {
    if (!$("#look")) return;
    event.preventDefault();
    const drop = event.target.closest(".drop");
    $$(".drop").forEach((one) => one.classList.toggle("over", kind === "dragover" && one === drop));
    if (kind === "drop") put([...event.dataTransfer.files], drop ? Number(drop.dataset.place) : 0);
  });
}
document.addEventListener("pointerdown", (event) => {
  const svg = event.target.closest("svg.drawing");
  if (svg) { event.preventDefault(); pen.from = at(svg, event); svg.setPointerCapture(event.pointerId); return; }
  const pane = event.target.closest(".pane");
  if (pane) { panes.drag = { n: $$(".pane").indexOf(pane), x: event.clientX, y: event.clientY, width: pane.clientWidth }; pane.setPointerCapture(event.pointerId); }
});
document.addEventListener("pointermove", (event) => {
  if (pen.from) { stretch($("svg.drawing"), at($("svg.drawing"), event)); return; }
  const drag = panes.drag;
  if (!drag) return;
  const share = 100 / (drag.width * Number($("#zoom").value));
  move(drag.n, (event.clientX - drag.x) * share, (event.clientY - drag.y) * share);
  Object.assign(drag, { x: event.clientX, y: event.clientY });
});
document.addEventListener("pointerup", (event) => {
  panes.drag = null;
  const svg = $("svg.drawing");
  if (!pen.from || !svg) return;
  const box = [...pen.from, ...at(svg, event)], place = pen.place;
  Object.assign(pen, { place: null, from: null });
  svg.classList.remove("drawing");
  correct(place, { box });
});

// Set up the page whenever it has new content.
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
