// The price calculator: reads the prices from the table, reckons in whole numbers, never in floats.
const DIGITS = 12;
const ONE = 10n ** BigInt(DIGITS);
const MILLION = 1_000_000n;

// "0.40" -> 400000000000n; nothing readable is nothing.
function units(text) {
  const match = /^(\d+)(?:\.(\d{0,12})\d*)?$/.exec(text.trim());
  return match ? BigInt(match[1] + (match[2] ?? "").padEnd(DIGITS, "0")) : 0n;
}

function whole(input) {
  return /^\d{1,12}$/.test(input.value) ? BigInt(input.value) : 0n;
}

function grouped(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

function amount(value, currency, mark) {
  const cents = (value * 100n + ONE / 2n) / ONE;
  return `${grouped(cents / 100n)}${mark}${String(cents % 100n).padStart(2, "0")}\u00a0${currency}`;
}

function price(row, meter) {
  return units(row.querySelector(`[data-meter="${meter}"] data`)?.value ?? "");
}

function answers(form, row) {
  const { requests, input, output, budget } = form.elements;
  // Prices are per million tokens: divided once, at the end.
  const each = whole(input) * price(row, "input") + whole(output) * price(row, "output");
  const day = (each * whole(requests)) / MILLION;
  const affordable = each ? (units(budget.value) * MILLION) / each : 0n;
  const currency = row.querySelector(".money-currency")?.textContent ?? "";
  const mark = form.dataset.decimalMark;
  return {
    day: amount(day, currency, mark),
    month: amount((each * whole(requests) * 30n) / MILLION, currency, mark),
    requests: grouped(affordable),
    days: whole(requests) ? grouped(affordable / whole(requests)) : "\u2014",
  };
}

function reckon(form) {
  const table = document.getElementById(form.dataset.calculator);
  const row = table.querySelector(`[data-offer="${CSS.escape(form.elements.offer.value)}"]`);
  if (!row) return;
  // What has no output is not asked for it.
  const gives = row.querySelector('[data-meter="output"] data') !== null;
  form.querySelector('[data-priced="output"]').hidden = !gives;
  for (const [name, text] of Object.entries(answers(form, row))) {
    form.querySelector(`[data-answer="${name}"]`).textContent = text;
  }
}

for (const form of document.querySelectorAll("[data-calculator]")) {
  form.addEventListener("input", () => reckon(form));
  form.addEventListener("submit", (event) => event.preventDefault());
  reckon(form);
}
