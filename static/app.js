// What HTML and htmx do not do by themselves: copy, hide the key again, count time, say that the connection is lost.
"use strict";

const said = document.body.dataset;
const TOAST_MS = 4000;
const DONE_MS = 1600;

/* ---- toasts ---- */

const toasts = document.getElementById("toasts");

function say(sentence) {
  const toast = document.createElement("p");
  toast.className = "toast";
  toast.textContent = sentence;
  toasts.replaceChildren(toast);
}

function letGo(toast) {
  let timer;
  const wait = () => { timer = setTimeout(() => toast.remove(), TOAST_MS); };
  toast.addEventListener("pointerenter", () => clearTimeout(timer));
  toast.addEventListener("pointerleave", wait);
  wait();
}

toasts.querySelectorAll(".toast").forEach(letGo);
new MutationObserver((records) => {
  for (const record of records) for (const node of record.addedNodes) if (node.matches?.(".toast")) letGo(node);
}).observe(toasts, { childList: true });

/* ---- copy ---- */

async function ask(path) {
  const csrf = document.querySelector('meta[name="csrf"]').content;
  const response = await fetch(path, { method: "POST", headers: { "x-csrf-token": csrf, "hx-request": "true" } });
  if (response.headers.has("hx-refresh")) location.reload();
  if (!response.ok) throw new Error(response.statusText);
  return response.text();
}

async function copy(button) {
  const text = button.dataset.copyFrom ? ask(button.dataset.copyFrom) : Promise.resolve(button.dataset.copy);
  try {
    // Safari lets a page write only while the click lasts: it is handed the promise and waits for it itself.
    const blob = text.then((plain) => new Blob([plain], { type: "text/plain" }));
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    confirmCopied(button);
  } catch {
    say(said.copyFailed);
  }
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
  // The server wrote its own clock; who looks on through a tunnel may live by another one.
  for (const time of document.querySelectorAll("time")) {
    const clock = new Date(time.dateTime).toTimeString().slice(0, 5);
    write(time, time.textContent.slice(0, -5) + clock);
  }
}

setInterval(tick, 1000);

/* ---- focus and clicks ---- */

let held = null;
let changedAt = -Infinity;
let state = document.getElementById("server")?.dataset.state;
const AFTER_CHANGE_MS = 400;

document.addEventListener("htmx:before:swap", () => {
  held = document.activeElement?.closest("#server") ? document.activeElement : null;
});

document.addEventListener("htmx:after:swap", () => {
  const server = document.getElementById("server");
  if (server.dataset.state !== state) {
    state = server.dataset.state;
    changedAt = performance.now();
  }
  if (held && !held.checkVisibility()) server.querySelector(".btngroup .btn")?.focus();
  watchRevealed();
  tick();
});

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
});

document.addEventListener("submit", (event) => {
  const dialog = document.getElementById(event.target.dataset.opens);
  if (dialog) {
    event.preventDefault();
    dialog.showModal();
  }
});

/* ---- the connection ---- */

const live = document.getElementById("live");
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
  if (event.detail.ctx?.sourceElement !== live) return say(said.unanswered);
  lose(true);
  // htmx keeps up a stream that was once there; the very first attempt is ours to repeat.
  setTimeout(() => htmx.process(live, true), RETRY_MS);
});
document.addEventListener("htmx:response:error", (event) => {
  if (event.detail.ctx.response.status >= 500) say(said.failed);
});

watchRevealed();
tick();
