// Swagger UI has its own dark colours, behind a class of its own: it follows the page's choice.
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");

function settle() {
  const choice = root.dataset.bsTheme;
  root.classList.toggle("dark-mode", choice ? choice === "dark" : system.matches);
}

document.addEventListener("theme-changed", settle);
system.addEventListener("change", settle);
settle();
