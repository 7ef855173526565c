// <button data-dialog-open="id"> opens <dialog id="id">; [data-dialog-close] closes it.
// A button with data-confirm-with="input-id" waits until the input holds its data-confirm-word.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog-open]");
  if (opener) document.getElementById(opener.dataset.dialogOpen).showModal();
  const closer = event.target.closest("[data-dialog-close]");
  if (closer) closer.closest("dialog").close();
});

function matches(input) {
  return input.value.trim() === input.dataset.confirmWord;
}

function settle(input) {
  const button = input.form?.querySelector("[data-confirm-button]");
  // Not `disabled`: the button stays reachable and says what is missing.
  button?.setAttribute("aria-disabled", String(!matches(input)));
}

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-confirm-word]")) settle(event.target);
});
document.addEventListener("submit", (event) => {
  const input = event.target.querySelector("[data-confirm-word]");
  if (!input || matches(input)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const problem = document.getElementById(`${input.id}_error`);
  problem.hidden = false;
  input.setAttribute("aria-invalid", "true");
  input.focus();
}, true);
for (const input of document.querySelectorAll("[data-confirm-word]")) settle(input);
document.addEventListener("htmx:load", (event) => {
  for (const input of event.detail.elt.querySelectorAll?.("[data-confirm-word]") ?? []) settle(input);
});
