// Menus are <details data-menu>: without this module they still open and close.
const open = () => document.querySelectorAll("details[data-menu][open]");

document.addEventListener("click", (event) => {
  for (const menu of open()) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("focusin", (event) => {
  for (const menu of open()) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of open()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// The side bar on a narrow screen.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-sidebar-toggle]");
  if (!button) return;
  const shown = document.getElementById(button.dataset.sidebarToggle).toggleAttribute("data-open");
  button.setAttribute("aria-expanded", String(shown));
});

// Type to filter a list: <input data-filter="list-id">, <li data-filter-text="…">.
document.addEventListener("input", (event) => {
  const list = document.getElementById(event.target.dataset.filter ?? "");
  if (!list) return;
  const wanted = event.target.value.trim().toLowerCase();
  for (const item of list.querySelectorAll("[data-filter-text]")) {
    item.hidden = !item.dataset.filterText.toLowerCase().includes(wanted);
  }
});
