// <details open data-fold-on-phone>: open without this module; closed where it would fill the screen.
if (matchMedia("(max-width: 61.99rem)").matches) {
  for (const details of document.querySelectorAll("[data-fold-on-phone]")) details.open = false;
}
