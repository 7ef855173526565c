// What a part that refreshes itself leaves as the reader had it: opened details, how far a wide table
// was scrolled, and the focus. (htmx itself keeps it on whatever has an id and is still there.)
let opened = [];
let places = [];
let hadFocus = false;

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  // Signed out meanwhile: the sign-in page belongs in the window, not in a part of this one.
  if (new URL(detail.xhr.responseURL).pathname.startsWith("/accounts/login/")) {
    detail.shouldSwap = false;
    location.reload();
    return;
  }
  const { target } = detail;
  hadFocus = target.contains(document.activeElement);
  opened = [...target.querySelectorAll("details[id][open]")].map((element) => element.id);
  places = [...target.querySelectorAll(".table-wrap[id]")].map((element) => [element.id, element.scrollLeft]);
});

document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (hadFocus && document.activeElement === document.body) {
    detail.target.querySelector("a[href], button, input")?.focus({ preventScroll: true });
  }
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  for (const [id, place] of places) {
    const element = document.getElementById(id);
    if (element) element.scrollLeft = place;
  }
});
