// <button data-copy="#id-of-the-text">: copies what the element says, and says so.
const words = document.body.dataset;

function say(text, level) {
  document.dispatchEvent(new CustomEvent("toast", { detail: { text, level } }));
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.querySelector(button.dataset.copy);
  try {
    await navigator.clipboard.writeText((source.value ?? source.textContent).trim());
    say(words.textCopied, "success");
  } catch {
    getSelection().selectAllChildren(source);
    say(words.textCopyFailed, "warning");
  }
});
