// A form that brings a file tells how much has arrived, and why nothing did.
// Markup: studio/dataset_create.html. Without scripts it is a plain form.
const TOO_LARGE = 413;
const WRONG_KIND = 415;

function tell(form, problem) {
  for (const notice of form.querySelectorAll("[data-upload-problem]")) {
    notice.hidden = notice.dataset.uploadProblem !== problem;
  }
}

function show(form, share) {
  const part = form.querySelector("[data-upload-progress]");
  part.hidden = share === undefined;
  part.querySelector("progress").value = (share ?? 0) * 100;
}

function formOf(event) {
  return event.target.closest?.("form[data-upload]");
}

// What is too large need not travel first.
document.addEventListener("htmx:beforeRequest", (event) => {
  const form = formOf(event);
  if (!form) return;
  const file = form.querySelector("[data-upload-file]").files[0];
  const isLarge = file && file.size > Number(form.dataset.uploadLargest);
  tell(form, isLarge ? "large" : undefined);
  if (isLarge) event.preventDefault();
});

document.addEventListener("htmx:xhr:progress", (event) => {
  const form = formOf(event);
  const { loaded, total, lengthComputable } = event.detail;
  if (form && lengthComputable && total) show(form, loaded / total);
});

document.addEventListener("htmx:responseError", (event) => {
  const form = formOf(event);
  if (!form) return;
  const problems = { [TOO_LARGE]: "large", [WRONG_KIND]: "kind" };
  show(form);
  tell(form, problems[event.detail.xhr.status] ?? "broken");
});

for (const name of ["htmx:sendError", "htmx:timeout", "htmx:sendAbort"]) {
  document.addEventListener(name, (event) => {
    const form = formOf(event);
    if (!form) return;
    show(form);
    tell(form, "broken");
  });
}
