// What a part that refreshes itself leaves as the reader had it: opened details, and how far a wide
// table was scrolled. (htmx itself keeps the focus on whatever has an id.)
let opened = [];
let places = [];

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  // Signed out meanwhile: the sign-in page belongs in the window, not in a part of this one.
  if (new URL(detail.xhr.responseURL).pathname.startsWith("/accounts/login/")) {
    detail.shouldSwap = false;
    location.reload();
    return;
  }
  const { target } = detail;
  opened = [...target.querySelectorAll("details[id][open]")].map((element) => element.id);
  places = [...target.querySelectorAll(".table-wrap[id]")].map((element) => [element.id, element.scrollLeft]);
});

document.addEventListener("htmx:afterSwap", () => {
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  for (const [id, place] of places) {
    const element = document.getElementById(id);
    if (element) element.scrollLeft = place;
  }
});
