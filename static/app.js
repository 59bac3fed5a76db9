// What HTML and htmx do not do by themselves: copy, hide the key again, count time, take a key for a shortcut, say
// that the connection is lost. What is inside #main comes and goes with the page, so everything listens on the document.
"use strict";

const said = document.body.dataset;
const TOAST_MS = 4000;
const UNDO_MS = 9500; // the server forgets after ten seconds: what is still offered must still work
const DONE_MS = 1600;

/* ---- toasts ---- */

const toasts = document.getElementById("toasts");

function say(sentence) {
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.textContent = sentence;
  // What can still be undone stays in view.
  toasts.querySelectorAll(".toast:not(:has(form))").forEach((other) => other.remove());
  toasts.append(toast);
}

function letGo(toast) {
  toast.addEventListener("htmx:finally:request", () => toast.remove());
  if (toast.querySelector("form")) {
    setTimeout(() => toast.remove(), UNDO_MS);
    return;
  }
  let timer;
  const hold = () => clearTimeout(timer);
  const wait = () => {
    hold();
    if (toast.matches(":hover, :focus-within")) return;
    timer = setTimeout(() => toast.remove(), TOAST_MS);
  };
  for (const come of ["pointerenter", "focusin"]) toast.addEventListener(come, hold);
  for (const go of ["pointerleave", "focusout"]) toast.addEventListener(go, () => setTimeout(wait));
  wait();
}

toasts.querySelectorAll(".toast").forEach(letGo);
new MutationObserver((records) => {
  for (const record of records) for (const node of record.addedNodes) if (node.matches?.(".toast")) letGo(node);
}).observe(toasts, { childList: true });

/* ---- copy ---- */

async function ask(path, body) {
  const csrf = document.querySelector('meta[name="csrf"]').content;
  const response = await fetch(path, { method: "POST", headers: { "x-csrf-token": csrf, "hx-request": "true" }, body });
  if (response.headers.has("hx-refresh")) location.reload();
  if (!response.ok) throw new Error(response.statusText);
  return response.text();
}

async function copied(text) {
  try {
    // Safari lets a page write only while the click lasts: it is handed the promise and waits for it itself.
    const blob = text.then((plain) => new Blob([plain], { type: "text/plain" }));
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    return true;
  } catch {
    say(said.copyFailed);
    return false;
  }
}

async function copy(button) {
  const { copy, copyFrom } = button.dataset;
  if (await copied(copyFrom ? ask(copyFrom) : Promise.resolve(copy))) confirmCopied(button);
}

async function copyAddress() {
  const address = document.getElementById("chip")?.dataset.address;
  if (address && (await copied(Promise.resolve(address)))) say(said.addressCopied);
}

function confirmCopied(button) {
  const label = button.getAttribute("aria-label");
  button.dataset.done = said.copied;
  button.setAttribute("aria-label", said.copied);
  setTimeout(() => {
    delete button.dataset.done;
    button.setAttribute("aria-label", label);
  }, DONE_MS);
}

/* ---- the key in clear ---- */

function hide(secret) {
  const hadFocus = secret.contains(document.activeElement);
  delete secret.dataset.revealed;
  secret.removeAttribute("hx-morph-skip");
  secret.querySelector(".secret__clear")?.remove();
  if (hadFocus) secret.querySelector(".secret__show button").focus();
}

const hideAll = () => document.querySelectorAll("[data-revealed]").forEach(hide);
const revealed = new WeakSet();

function watchRevealed() {
  for (const secret of document.querySelectorAll("[data-revealed]")) {
    const clear = secret.querySelector(".secret__clear");
    if (revealed.has(clear)) continue;
    revealed.add(clear);
    secret.querySelector(".secret__hide").focus();
    setTimeout(() => { if (clear.isConnected) hide(secret); }, secret.dataset.revealed * 1000);
  }
}

addEventListener("pagehide", hideAll);
document.addEventListener("visibilitychange", () => { if (document.hidden) hideAll(); });

/* ---- time that goes by ---- */

const seen = new WeakMap();

function elapsed(element, given) {
  if (seen.get(element)?.given !== given) seen.set(element, { given, at: performance.now() });
  return (performance.now() - seen.get(element).at) / 1000;
}

function duration(seconds) {
  const [d, h, min, s] = said.units.split(" ");
  const whole = Math.max(0, Math.floor(seconds));
  const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
  if (days) return `${days} ${d} ${hours} ${h}`;
  if (hours) return `${hours} ${h} ${minutes} ${min}`;
  return minutes ? `${minutes} ${min}` : `${whole} ${s}`;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tick() {
  for (const up of document.querySelectorAll("[data-up]")) {
    write(up, duration(Number(up.dataset.up) + elapsed(up, up.dataset.up)));
  }
  for (const left of document.querySelectorAll("[data-left]")) {
    write(left, duration(Math.ceil(left.dataset.left - elapsed(left, left.dataset.left))));
  }
  document.querySelectorAll("time").forEach(tell);
}

// The server wrote its own clock; who looks on through a tunnel may live by another one, and in another day.
function tell(time) {
  const at = new Date(time.dateTime);
  const clock = at.toTimeString().slice(0, "seconds" in time.dataset ? 8 : 5);
  const isSameDay = time.dateTime.startsWith(new Intl.DateTimeFormat("sv").format(at));
  write(time, isSameDay ? time.textContent.slice(0, -clock.length) + clock : dayAndClock(at, clock));
}

function dayAndClock(at, clock) {
  const { lang } = document.documentElement;
  const form = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, form).format(at).replace(/\d+:\d+/, clock);
}

setInterval(tick, 1000);

/* ---- what a swap leaves to be done ---- */

let held = null;
let changedAt = -Infinity;
let state = document.getElementById("server")?.dataset.state;
const AFTER_CHANGE_MS = 400;

document.addEventListener("htmx:before:swap", () => {
  const card = document.activeElement?.closest("#server, .prov");
  held = card ? { card: card.id, element: document.activeElement } : null;
});

document.addEventListener("htmx:after:swap", (event) => {
  const server = document.getElementById("server");
  if (server?.dataset.state !== state) {
    state = server?.dataset.state;
    changedAt = performance.now();
  }
  // What had the focus went, as Test does where the key is to be replaced: what stands in its place has it now.
  if (held && !held.element.checkVisibility()) {
    const inCard = document.getElementById(held.card)?.querySelector(":is(.btngroup, .prov__foot) .btn");
    (inCard ?? document.getElementById("main")).focus();
  }
  if (event.detail.ctx.target?.id === "main") arrive(event.detail.ctx.target);
  settle();
});

function settle() {
  watchRevealed();
  openDrawers();
  tick();
}

// Another room was entered, or one was gone back to.
function arrive(main) {
  changedAt = -Infinity;
  for (const link of document.querySelectorAll("[data-room]")) {
    if (link.dataset.room === main.dataset.here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.querySelectorAll(":popover-open").forEach((open) => open.hidePopover());
  const focus = () => main.focus({ preventScroll: true });
  focus();
  // A browser that went back puts the focus on the body once it is there.
  window.navigation?.transition?.finished.then(focus, () => {});
}

// A drawer that is filled is open, and one that is emptied is shut. Without scripts it comes open; with them it is modal.
function openDrawers() {
  for (const drawer of document.querySelectorAll("dialog.drawer")) {
    if (!drawer.childElementCount) drawer.close();
    else if (!drawer.matches(":modal")) {
      drawer.removeAttribute("open");
      drawer.showModal();
    }
  }
}

// What was typed in it goes, and so does its own address: the page behind it is the room's.
document.addEventListener("close", ({ target: drawer }) => {
  if (!drawer.matches(".drawer") || drawer.open) return;
  drawer.replaceChildren();
  const room = document.querySelector("[data-room][aria-current]");
  if (room && room.pathname !== location.pathname) history.replaceState(history.state, "", room.pathname);
}, true);

/* ---- clicks and keys ---- */

// Where Start was there is Stop a moment later: the second half of a double click is not meant for it.
document.addEventListener("click", (event) => {
  const early = performance.now() - changedAt < AFTER_CHANGE_MS && event.detail > 1;
  if (early && event.target.closest("#server .btn")) {
    event.preventDefault();
    event.stopPropagation();
  }
}, true);

document.addEventListener("keydown", (event) => {
  if (event.repeat && event.key === "Enter" && event.target.closest("#server .btn")) event.preventDefault();
});

document.addEventListener("click", (event) => {
  const on = (selector) => event.target.closest(selector);
  if (on("[data-copy], [data-copy-from]")) copy(on("[data-copy], [data-copy-from]"));
  if (on("[data-hide]")) {
    event.preventDefault();
    hide(on("[data-revealed]"));
  }
  if (on("[data-focus]")) {
    event.preventDefault();
    document.getElementById(on("[data-focus]").dataset.focus).select();
  }
  if (on("[data-reveals]")) reveal(on("[data-reveals]"));
});

function reveal(button) {
  const field = document.getElementById(button.dataset.reveals);
  const isHidden = field.type === "password";
  field.type = isHidden ? "text" : "password";
  button.ariaPressed = String(isHidden);
}

document.addEventListener("submit", (event) => {
  const here = event.target.querySelector("[data-here]");
  if (here) here.value = location.pathname + location.search;
  const dialog = document.getElementById(event.target.dataset.opens);
  if (dialog) {
    event.preventDefault();
    dialog.showModal();
  }
});

const TYPING = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";
const SEQUENCE_MS = 1500;
let afterG = -Infinity;

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || target.closest(TYPING)) return;
  const modal = document.querySelector("dialog:modal");
  if (key === "/") search(event, modal ?? document.getElementById("main"));
  if (modal) return;
  const goes = performance.now() - afterG < SEQUENCE_MS;
  afterG = key === "g" ? performance.now() : -Infinity;
  if (goes) document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.click();
  else if (key === "c") copyAddress();
});

function search(event, place) {
  const field = place.querySelector("[type=search]");
  if (!field) return;
  event.preventDefault();
  field.select();
}

/* ---- the connection ---- */

const RETRY_MS = 2000;

function lose(isLost) {
  document.getElementById("lost").hidden = !isLost;
  document.body.toggleAttribute("data-lost", isLost);
}

document.addEventListener("htmx:sse:after:connection", () => lose(false));
document.addEventListener("htmx:sse:error", (event) => {
  if (event.detail.status === 401) location.reload();
  lose(true);
});
document.addEventListener("htmx:error", (event) => {
  const source = event.detail.ctx?.sourceElement;
  if (source?.id !== "live") return say(said.unanswered);
  lose(true);
  // htmx keeps up a stream that was once there; the very first attempt is ours to repeat.
  setTimeout(() => htmx.process(source, true), RETRY_MS);
});
document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  const { headers, status } = ctx.response;
  if (headers.has("hx-refresh")) return;
  if (status < 500 && ctx.sourceElement.matches("a")) location.assign(ctx.request.action);
  else say(headers.get("content-type")?.startsWith("text/plain") ? ctx.text : said.failed);
});

settle();

/* ---- connecting a client ---- */

document.addEventListener("submit", async (event) => {
  if (!event.target.matches("[data-copies]")) return;
  event.preventDefault();
  const text = ask(event.target.action, new URLSearchParams(new FormData(event.target)));
  if (await copied(text)) confirmCopied(event.target.querySelector("button"));
});

// Links that choose what stands in a panel are tabs: one stop for the Tab key, and the arrows between them.
const centred = new WeakMap();

function makeTabs() {
  for (const list of document.querySelectorAll("[data-tabs]")) {
    const tabs = [...list.children];
    const chosen = tabs.find((tab) => tab.ariaCurrent) ?? tabs.find((tab) => tab.ariaSelected === "true");
    list.role = "tablist";
    for (const tab of tabs) {
      tab.role = "tab";
      tab.removeAttribute("aria-current");
      tab.ariaSelected = String(tab === chosen);
      tab.setAttribute("aria-controls", list.dataset.tabs);
      tab.tabIndex = tab === chosen ? 0 : -1;
    }
    const panel = document.getElementById(list.dataset.tabs);
    panel.role = "tabpanel";
    panel.setAttribute("aria-labelledby", chosen.id);
    if (centred.get(list) !== chosen.id) list.scrollLeft = chosen.offsetLeft - (list.clientWidth - chosen.offsetWidth) / 2;
    centred.set(list, chosen.id);
  }
}

document.addEventListener("keydown", (event) => {
  const tabs = [...(event.target.closest("[data-tabs]")?.children ?? [])];
  const at = tabs.indexOf(event.target);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1 + tabs.length, Home: 0, End: tabs.length - 1, " ": at }[event.key];
  if (at < 0 || to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  tabs[to % tabs.length].focus();
  tabs[to % tabs.length].click();
});

// Less than a minute ago is "just now"; after that it is counted.
function countAgo() {
  for (const ago of document.querySelectorAll("[data-ago]")) {
    const [now, then] = ago.children;
    const up = then.querySelector("[data-up]");
    const isNow = Number(up.dataset.up) + elapsed(up, up.dataset.up) < 60;
    now.hidden = !isNow;
    then.hidden = isNow;
  }
}

function settleConnect() {
  makeTabs();
  countAgo();
}

setInterval(countAgo, 1000);
document.addEventListener("htmx:after:swap", settleConnect);
settleConnect();

/* ---- an order that is changed by dragging, by Alt and the arrows, or by its buttons ---- */

function place(list, item, place) {
  const field = item.querySelector("input");
  const others = [...list.children].filter((other) => other !== item);
  list.insertBefore(item, others[place] ?? null);
  field.focus();
  const words = { name: field.value, place: place + 1, count: list.children.length };
  say(list.dataset.moved.replace(/\{(\w+)\}/g, (_, name) => words[name]));
}

function move(item, by) {
  const list = item.parentElement;
  const to = [...list.children].indexOf(item) + by;
  if (to >= 0 && to < list.children.length) place(list, item, to);
}

function oneMore(list) {
  const item = list.lastElementChild.cloneNode(true);
  item.querySelector("input").value = "";
  list.append(item);
  item.querySelector("input").focus();
}

function oneLess(item) {
  const list = item.parentElement;
  if (list.children.length === 1) item.querySelector("input").value = "";
  else item.remove();
  list.querySelector("input").focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-move]");
  if (!button) return;
  event.preventDefault();
  const by = button.dataset.move;
  if (by === "more") oneMore(button.closest("fieldset").querySelector("[data-order]"));
  else if (by === "0") oneLess(button.closest("li"));
  else move(button.closest("li"), Number(by));
});

document.addEventListener("keydown", (event) => {
  const item = event.altKey && event.target.closest("[data-order] > li");
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!item || !by) return;
  event.preventDefault();
  move(item, by);
});

let dragged = null;

document.addEventListener("dragstart", (event) => {
  if (!event.target.closest?.(".grip")) return;
  dragged = event.target.closest("li");
  event.dataTransfer.setDragImage(dragged, 0, 0);
  event.dataTransfer.effectAllowed = "move";
});

document.addEventListener("dragover", (event) => {
  const over = dragged && event.target.closest?.("[data-order] > li");
  if (over?.parentElement === dragged?.parentElement && over) event.preventDefault();
});

document.addEventListener("drop", (event) => {
  const over = dragged && event.target.closest?.("[data-order] > li");
  if (!over || over === dragged) return;
  event.preventDefault();
  place(over.parentElement, dragged, [...over.parentElement.children].indexOf(over));
});

document.addEventListener("dragend", () => { dragged = null; });
