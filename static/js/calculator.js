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
  // What is not asked for counts as nothing: a model that embeds makes no tokens.
  if (input.closest("[hidden]")) return 0n;
  return /^\d{1,12}$/.test(input.value) ? BigInt(input.value) : 0n;
}

function grouped(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

// Rounded to the currency's minor unit, half up; what is something is never shown as nothing.
function amount(value, currency, mark) {
  const digits = minorDigits(currency);
  const unit = 10n ** BigInt(digits);
  const rounded = (value * unit + ONE / 2n) / ONE;
  const shown = rounded || !value ? rounded : 1n;
  const decimals = digits ? mark + String(shown % unit).padStart(digits, "0") : "";
  const bound = shown === rounded ? "" : "<\u00a0";
  return `${bound}${grouped(shown / unit)}${decimals}\u00a0${currency}`;
}

function minorDigits(currency) {
  if (!/^[A-Z]{3}$/.test(currency)) return 2;
  const options = { style: "currency", currency };
  return new Intl.NumberFormat("en", options).resolvedOptions().maximumFractionDigits;
}

function price(row, meter) {
  return units(row.querySelector(`[data-meter="${meter}"] data`)?.value ?? "");
}

function answers(form, row) {
  const { requests, input, output, budget } = form.elements;
  // Prices are per million tokens: divided once, at the end.
  const each = whole(input) * price(row, "input") + whole(output) * price(row, "output");
  const affordable = each ? (units(budget.value.replace(",", ".")) * MILLION) / each : 0n;
  const tokens = whole(input) + whole(output);
  const currency = row.querySelector(".money-currency")?.textContent ?? "";
  const mark = form.dataset.decimalMark;
  return {
    day: amount((each * whole(requests)) / MILLION, currency, mark),
    month: amount((each * whole(requests) * 30n) / MILLION, currency, mark),
    "tokens-a-day": grouped(tokens * whole(requests)),
    requests: grouped(affordable),
    tokens: grouped(affordable * tokens),
    days: whole(requests) && each ? grouped(affordable / whole(requests)) : "\u2014",
  };
}

// How many days each bundle lasts that pays for the chosen model; of the others nothing is shown.
function last(form, row) {
  const { requests, input, output } = form.elements;
  const currency = row.querySelector(".money-currency")?.textContent ?? "";
  const each = whole(input) * price(row, "input") + whole(output) * price(row, "output");
  for (const bundle of form.querySelectorAll("[data-bundle]")) {
    const facts = bundle.dataset;
    const isMoney = facts.unit === "money";
    bundle.hidden = isMoney ? facts.currency !== currency : facts.class !== row.dataset.class;
    const burnt =
      whole(input) * units(facts.inputWeight) + whole(output) * units(facts.outputWeight);
    const day = (isMoney ? each : burnt) * whole(requests);
    const granted = units(facts.quantity) * (isMoney ? MILLION : 1n);
    const days = day ? granted / day : null;
    bundle.querySelector("[data-bundle-days]").textContent = days === null ? "\u2014" : grouped(days);
    bundle.querySelector("[data-bundle-cut]").hidden = days === null || days <= BigInt(facts.validity);
  }
}

// The chosen model's; none where it stands on another page of the table: then the server reckons.
function rowOf(form) {
  const table = document.getElementById(form.dataset.calculator);
  return table.querySelector(`[data-offer="${CSS.escape(form.elements.offer.value)}"]`);
}

function reckon(form) {
  const row = rowOf(form);
  if (!row) return;
  // What has no output is not asked for it.
  const gives = row.querySelector('[data-meter="output"] data') !== null;
  form.querySelector('[data-priced="output"]').hidden = !gives;
  for (const [name, text] of Object.entries(answers(form, row))) {
    form.querySelector(`[data-answer="${name}"]`).textContent = text;
  }
  last(form, row);
}

for (const form of document.querySelectorAll("[data-calculator]")) {
  form.addEventListener("input", () => reckon(form));
  form.addEventListener("submit", (event) => {
    if (rowOf(form)) event.preventDefault();
  });
  reckon(form);
}
