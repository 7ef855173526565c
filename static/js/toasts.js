// Short messages in the page's one live region.
// From a server answer: HX-Trigger: {"toast": {"text": "Key revoked.", "level": "success"}}.
// From our own modules: document.dispatchEvent(new CustomEvent("toast", {detail: {text, level}})).
const region = document.getElementById("toasts");
const words = document.body.dataset;
const SECONDS = 8;

function leaveLater(card) {
  // Errors stay until dismissed, and nobody loses a message while reading it.
  if (card.classList.contains("toast-error")) return;
  let timer;
  const start = () => {
    timer = setTimeout(() => card.remove(), SECONDS * 1000);
  };
  const hold = () => clearTimeout(timer);
  for (const name of ["mouseenter", "focusin"]) card.addEventListener(name, hold);
  for (const name of ["mouseleave", "focusout"]) card.addEventListener(name, start);
  start();
}

function show({ text, level = "info" }) {
  // A page that keeps asking says once that nobody answers.
  if ([...region.querySelectorAll("p")].some((sentence) => sentence.textContent === text)) return;
  const card = document.createElement("div");
  card.className = `toast-card toast-${level}`;
  const sentence = document.createElement("p");
  sentence.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "toast-close";
  close.dataset.toastClose = "";
  close.setAttribute("aria-label", words.textClose);
  close.textContent = "×";
  card.append(sentence, close);
  region.append(card);
  leaveLater(card);
}

document.addEventListener("toast", (event) => show(event.detail));
document.addEventListener("click", (event) => {
  event.target.closest("[data-toast-close]")?.closest(".toast-card").remove();
});
document.addEventListener("htmx:sendError", () => show({ text: words.textOffline, level: "error" }));
document.addEventListener("htmx:responseError", (event) => {
  const told = event.detail.xhr.getResponseHeader("HX-Trigger") ?? "";
  if (!told.includes("toast")) show({ text: words.textFailed, level: "error" });
});
document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  show({ text: words.textPasskey, level: "error" });
});
for (const card of region.querySelectorAll("[data-toast]")) leaveLater(card);
