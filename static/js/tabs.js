// Tabs (WAI-ARIA pattern). Markup: components/code_tabs.html. Without this module all panels show.
// Tabs that share data-tab-memory open on the same choice everywhere, and remember it.
function recall(key) {
  try {
    return localStorage.getItem(`tab:${key}`);
  } catch {
    return null;
  }
}

function remember(key, value) {
  try {
    localStorage.setItem(`tab:${key}`, value);
  } catch {
    // Storage may be forbidden; the choice then holds for this page.
  }
}

function select(tabs, chosen) {
  for (const tab of tabs) {
    const isChosen = tab === chosen;
    tab.setAttribute("aria-selected", String(isChosen));
    tab.tabIndex = isChosen ? 0 : -1;
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !isChosen;
  }
}

function move(tabs, from, key) {
  const rtl = document.dir === "rtl" ? -1 : 1;
  const steps = { ArrowRight: rtl, ArrowLeft: -rtl };
  if (key === "Home") return tabs[0];
  if (key === "End") return tabs.at(-1);
  if (!(key in steps)) return null;
  return tabs.at((tabs.indexOf(from) + steps[key]) % tabs.length);
}

function prepare(group) {
  if (group.dataset.ready) return;
  group.dataset.ready = "true";
  const tabs = [...group.querySelectorAll("[role=tab]")];
  const memory = group.dataset.tabMemory;
  select(tabs, tabs.find((tab) => tab.dataset.tab === recall(memory)) ?? tabs[0]);
  group.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (!tab) return;
    select(tabs, tab);
    if (memory) remember(memory, tab.dataset.tab);
  });
  group.addEventListener("keydown", (event) => {
    const tab = event.target.closest("[role=tab]");
    const next = tab && move(tabs, tab, event.key);
    if (!next) return;
    event.preventDefault();
    select(tabs, next);
    next.focus();
    if (memory) remember(memory, next.dataset.tab);
  });
}

function prepareAll(root) {
  if (root.matches?.("[data-tabs]")) prepare(root);
  for (const group of root.querySelectorAll?.("[data-tabs]") ?? []) prepare(group);
}

document.addEventListener("htmx:load", (event) => prepareAll(event.detail.elt));
prepareAll(document);
