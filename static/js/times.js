// <time datetime="…" data-relative>: “3 minutes ago”, kept true; the exact moment is its title.
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const format = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });

function tell(element) {
  const seconds = (new Date(element.dateTime) - Date.now()) / 1000;
  // After a week the date itself says more.
  if (Math.abs(seconds) > 7 * 86400) return;
  const [unit, size] = UNITS.find(([, span]) => Math.abs(seconds) >= span) ?? UNITS.at(-1);
  element.title ||= element.textContent.trim();
  element.textContent = format.format(Math.round(seconds / size), unit);
}

function tellAll() {
  for (const element of document.querySelectorAll("time[data-relative]")) tell(element);
}

tellAll();
setInterval(tellAll, 30_000);
document.addEventListener("htmx:load", tellAll);
