// The dashboard in the browser: figures at the right width, live updates, filter and pages without reloading, comparison, keyboard.
// Everything that it shows comes from the server as HTML that is escaped there; without it, the links and forms work as they are.
"use strict";

const root = document.documentElement;

// ------------------------------------------------------------------ light and dark; before the page is drawn

const themes = { light: "dark", dark: "light" };
try {
  const kept = localStorage.getItem("pliant-theme");
  if (kept in themes) root.dataset.theme = kept;
} catch { /* without storage the system decides */ }

function changeTheme() {
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  try { localStorage.setItem("pliant-theme", root.dataset.theme); } catch { /* this page only */ }
  colorDrawings();
}

function colorDrawings() { // pictures do not see the theme of the page
  if (!root.dataset.theme) return;
  for (const image of document.querySelectorAll("[data-drawing]")) {
    const url = `${image.dataset.drawing}&scheme=${root.dataset.theme}`;
    if (image.getAttribute("src") !== url) image.src = url;
  }
}

// ------------------------------------------------------------------ figures

const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function loadFigure(place) {
  if (place.dataset.busy) return;
  place.dataset.busy = "1";
  try {
    const style = getComputedStyle(place);
    const width = Math.floor(place.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight));
    const url = new URL(place.dataset.figure, location.href);
    url.searchParams.set("width", String(width));
    const answer = await fetch(url, { credentials: "same-origin" });
    const parts = new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes;
    place.replaceChildren(...parts);
    for (const title of place.querySelectorAll("svg > * > title")) prepareNote(title, place);
    place.dataset.width = String(width);
  } catch {
    place.querySelector(".picture")?.replaceChildren(text("The figure could not be loaded."));
  } finally {
    delete place.dataset.busy;
  }
}

function text(words) {
  const line = document.createElement("p");
  line.className = "dim";
  line.textContent = words;
  return line;
}

function prepareNote(title, place) {
  const shape = title.parentElement;
  shape.dataset.note = title.textContent;
  title.remove(); // the browser would show it as well
  const trial = /^trial (\d+)[: ]/.exec(shape.dataset.note);
  if (trial && place.dataset.figure) {
    shape.classList.add("point");
    shape.dataset.href = place.dataset.figure.replace(/\/figure\/.*/, `/trial/${trial[1]}`);
  }
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    entry.target.dataset.visible = entry.isIntersecting ? "1" : "";
    if (entry.isIntersecting && (entry.target.dataset.old || !entry.target.dataset.width)) {
      delete entry.target.dataset.old;
      loadFigure(entry.target);
    }
  }
}, { rootMargin: "200px" });

function watchFigures(within) {
  for (const place of within.querySelectorAll("[data-figure]")) seen.observe(place);
}

function refreshFigures() {
  for (const place of document.querySelectorAll("[data-figure]")) {
    if (place.dataset.visible) loadFigure(place);
    else place.dataset.old = "1";
  }
}

let tip = null;
function showNote(event) {
  const shape = event.target.closest?.("[data-note]");
  tip?.remove();
  tip = null;
  if (!shape) return;
  tip = document.createElement("div");
  tip.className = "tip";
  tip.textContent = shape.dataset.note;
  document.body.append(tip);
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(event.clientX + 12, innerWidth - box.width - 8))}px`;
  tip.style.top = `${event.clientY + 16 + box.height > innerHeight ? event.clientY - box.height - 12 : event.clientY + 16}px`;
}

// ------------------------------------------------------------------ pages: only the parts that changed are replaced

async function readPage(url) {
  const answer = await fetch(url, { credentials: "same-origin", headers: { accept: "text/html" } });
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

function replaceParts(page) {
  const chosen = selected();
  const at = document.querySelector("tr.at")?.dataset.href;
  for (const old of document.querySelectorAll("[data-refresh]")) {
    const part = page.getElementById(old.id);
    if (!part || part.outerHTML === old.dataset.was || old.contains(document.activeElement) && old.matches("form, .control")
        && document.activeElement.matches("input:not([type=checkbox]), select")) continue;
    const was = part.outerHTML;
    const isOpen = [...old.querySelectorAll("details")].map((one) => one.open);
    old.replaceWith(part);
    part.dataset.was = was;
    part.querySelectorAll("details").forEach((one, place) => { one.open = isOpen[place] ?? one.open; });
    watchFigures(part);
  }
  for (const box of document.querySelectorAll('input[name="trial"][type="checkbox"]')) box.checked = chosen.has(box.value);
  if (at) document.querySelector(`tr[data-href="${CSS.escape(at)}"]`)?.classList.add("at");
  countSelected();
}

let reading = null;
async function goTo(url, { keep = false } = {}) {
  const mine = reading = Symbol();
  try {
    const page = await readPage(url);
    if (mine !== reading) return; // a later one was asked for
    replaceParts(page);
    document.title = page.title;
    if (!keep) history.pushState(null, "", url);
    else history.replaceState(null, "", url);
  } catch {
    location.assign(url);
  }
}

// ------------------------------------------------------------------ live

let events = null, due = false, busy = false;

function say(words, kind) {
  const place = document.getElementById("live");
  if (place.textContent !== words) place.textContent = words;
  place.className = `live ${kind}`;
}

function listen() {
  const source = document.body.dataset.live;
  if (!source || document.hidden || events) return;
  let first = true;
  events = new EventSource(source);
  events.onopen = () => say("Live", "on");
  events.onerror = () => say("Connection lost", "off");
  events.addEventListener("change", () => {
    if (!first) refresh();
    first = false;
  });
}

async function refresh() {
  due = true;
  if (busy) return;
  busy = true;
  while (due) {
    due = false;
    const start = performance.now();
    try {
      replaceParts(await readPage(location.href));
      refreshFigures();
    } catch { say("Connection lost", "off"); }
    await wait(Math.max(1500, 3 * (performance.now() - start))); // so that a slow server is asked less often
  }
  busy = false;
}

function pause() {
  if (document.hidden) { // a browser has few connections to one server
    events?.close();
    events = null;
  } else if (!events && document.body.dataset.live) {
    listen();
    refresh();
  }
}

// ------------------------------------------------------------------ tables

function selected() {
  const kept = new Set(chosenElsewhere);
  for (const box of document.querySelectorAll('input[name="trial"][type="checkbox"]')) {
    if (box.checked) kept.add(box.value);
    else kept.delete(box.value);
  }
  chosenElsewhere = kept;
  return kept;
}
let chosenElsewhere = new Set(); // also on other pages of the table

function countSelected() {
  const button = document.getElementById("compare");
  if (button) button.textContent = selected().size ? `Compare ${selected().size} selected` : "Compare selected";
}

function compareSelected() {
  const form = document.getElementById("results");
  const chosen = [...selected()].slice(0, 6);
  if (form && chosen.length) location.assign(`${form.getAttribute("action")}?${chosen.map((one) => `trial=${one}`).join("&")}`);
}

function move(by) {
  const rows = [...document.querySelectorAll("tr[data-href]")];
  if (!rows.length) return;
  const present = rows.findIndex((row) => row.classList.contains("at"));
  const next = present < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(Math.max(present + by, 0), rows.length - 1);
  rows[present]?.classList.remove("at");
  rows[next].classList.add("at");
  rows[next].scrollIntoView({ block: "nearest" });
}

let typing = 0;
function filterSoon(field) {
  clearTimeout(typing);
  typing = setTimeout(() => {
    const url = new URL(field.form.action);
    for (const [name, value] of new FormData(field.form)) if (value) url.searchParams.set(name, value);
    goTo(url.href, { keep: true }).then(markChips);
  }, 250);
}

function markChips() {
  const present = new URL(location.href).searchParams.get("filter") ?? "";
  for (const chip of document.querySelectorAll(".search .chip")) {
    const own = new URL(chip.href).searchParams.get("filter") ?? "";
    if (own === present.trim()) chip.setAttribute("aria-current", "true");
    else chip.removeAttribute("aria-current");
  }
}

// ------------------------------------------------------------------ what users do

document.addEventListener("DOMContentLoaded", () => {
  watchFigures(document);
  colorDrawings();
  for (const part of document.querySelectorAll("[data-refresh]")) part.dataset.was = part.outerHTML;
  for (const title of document.querySelectorAll(".figure svg > * > title")) prepareNote(title, document.body);
  for (const button of document.querySelectorAll("[data-auto]")) button.hidden = true;
  document.getElementById("theme").addEventListener("click", changeTheme);
  const keys = document.getElementById("keys");
  document.getElementById("keys-open").addEventListener("click", () => keys.showModal());
  const field = document.getElementById("filter");
  if (field) field.addEventListener("input", () => filterSoon(field));
  countSelected();
  listen();
});
document.addEventListener("visibilitychange", pause);
addEventListener("popstate", () => location.reload());

let resized = 0;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(() => {
    for (const place of document.querySelectorAll("[data-figure][data-width]")) {
      if (Math.abs(place.clientWidth - Number(place.dataset.width)) > 80) loadFigure(place);
    }
  }, 300);
});

document.addEventListener("pointerover", showNote);
document.addEventListener("scroll", () => { tip?.remove(); tip = null; }, { passive: true });

document.addEventListener("change", (event) => {
  const field = event.target;
  if (field.matches('input[name="trial"][type="checkbox"]')) countSelected();
  if (field.matches("select") && field.form?.querySelector("[data-auto]")) field.form.requestSubmit();
});

document.addEventListener("submit", (event) => {
  if (event.target.id === "results") {
    event.preventDefault();
    compareSelected();
  }
});

document.addEventListener("click", (event) => {
  const point = event.target.closest(".point");
  if (point) location.assign(point.dataset.href);
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const words = copy.closest(".code").querySelector("pre").textContent;
    navigator.clipboard?.writeText(words).then(() => { copy.textContent = "Copied"; });
  }
  const link = event.target.closest("#results thead a, .pages a, .search .chip");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
    event.preventDefault();
    goTo(link.href).then(() => {
      const field = document.getElementById("filter");
      if (field && link.matches(".chip")) field.value = new URL(link.href).searchParams.get("filter") ?? "";
      markChips();
      if (link.matches(".pages a")) document.getElementById("results")?.scrollIntoView({ block: "start" });
    });
  }
});

let before = "";
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.matches("input:not([type=checkbox]), select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const key = event.key;
  if (before === "g") {
    before = "";
    if (key === "h") location.assign("/");
    document.querySelector(`.tabs a[data-key="${CSS.escape(key)}"]`)?.click();
    return;
  }
  before = key;
  const row = document.querySelector("tr.at");
  if (key === "/" && document.getElementById("filter")) {
    event.preventDefault();
    document.getElementById("filter").focus();
  } else if (key === "j" || key === "k") move(key === "j" ? 1 : -1);
  else if (key === "Enter" && row && event.target === document.body) location.assign(row.dataset.href);
  else if (key === "x" && row) row.querySelector("input").click();
  else if (key === "c") compareSelected();
  else if (key === "?") document.getElementById("keys").showModal();
  else if (key === "[" || key === "]") document.querySelector(`main a[data-key="${key}"]`)?.click();
});
