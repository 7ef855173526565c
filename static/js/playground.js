// The playground: one conversation, or two side by side. What is said lives in this page alone,
// unless its author keeps it.
import { call, Passes, receipt, Refusal } from "./playground-calls.js";

const root = document.querySelector("[data-playground]");
const words = root?.dataset;
const LARGEST_IMAGE = 4_000_000;
const IMAGES = ["image/png", "image/jpeg", "image/webp", "image/gif"];
const DIGITS = 18;
const ONE = 10n ** BigInt(DIGITS);

const find = (selector, within = document) => within.querySelector(selector);
const fill = (text, facts) => text.replace(/\{(\w+)\}/g, (_all, name) => facts[name]);
const said = (text) => {
  find("[data-told]").textContent = text;
};

function made(name, { text = "", ...attributes } = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  element.append(...children);
  return element;
}

// Amounts are whole numbers of 10^-18, never floats.
function units(text) {
  const match = /^(\d+)(?:\.(\d{0,18})\d*)?$/.exec(text);
  return match ? BigInt(match[1] + (match[2] ?? "").padEnd(DIGITS, "0")) : 0n;
}

// A whole number as the page writes it: 1 240 500.
const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");

function amount(value, currency) {
  const decimals = String(value % ONE).padStart(DIGITS, "0").replace(/0+$/, "").padEnd(2, "0");
  return `${grouped(value / ONE)}${words.decimalMark}${decimals}\u00a0${currency}`;
}

class Pane {
  constructor(element) {
    this.element = element;
    this.select = find("[data-model]", element);
    this.list = find("[data-turns]", element);
    this.turns = [];
    this.controller = null;
  }

  get model() {
    return this.select.selectedOptions[0];
  }

  add(turn, name) {
    find("[data-empty]", this.element).hidden = true;
    const body = made("div", { class: "turn-text", dir: "auto" });
    const item = made("li", { class: `turn turn-${turn}` }, made("p", { class: "turn-who soft", text: name }), body);
    this.list.append(item);
    return { item, body };
  }

  // Show what a person said, or a tool answered.
  ask(message) {
    this.turns.push(message);
    const { item, body } = this.add("user", message.role === "tool" ? fill(words.textResult, { name: message.name ?? message.tool_call_id }) : words.textYou);
    const parts = typeof message.content === "string" ? [{ type: "text", text: message.content }] : message.content;
    for (const part of parts) {
      if (part.type === "text") body.append(part.text);
      else body.append(made("img", { src: part.image_url.url, alt: "", class: "turn-image" }));
    }
    item.scrollIntoView({ block: "nearest" });
  }

  clear() {
    this.controller?.abort();
    this.turns = [];
    this.list.replaceChildren();
    find("[data-empty]", this.element).hidden = false;
  }
}

class Answer {
  constructor(pane) {
    this.pane = pane;
    const { item, body } = pane.add("model", pane.model.dataset.label);
    Object.assign(this, { item, body, text: "", thoughts: "", tools: [], usage: null, id: "", reason: "" });
    this.meter = made("p", { class: "turn-meter soft" });
    this.body.append(made("span", { class: "soft", "data-waiting": "", text: words.textWaiting }));
    this.item.append(this.meter);
    this.began = performance.now();
    this.first = 0;
  }

  begin() {
    if (this.first) return;
    this.first = performance.now();
    find("[data-waiting]", this.body)?.remove();
  }

  get on() {
    return {
      id: (id) => (this.id = id),
      usage: (usage) => (this.usage = usage),
      end: (reason) => (this.reason = reason),
      text: (piece) => {
        this.begin();
        this.text += piece;
        this.body.append(piece);
        this.tell();
      },
      thought: (piece) => {
        this.begin();
        this.thoughts += piece;
        this.thinking ??= this.item.insertBefore(
          made("details", { class: "turn-thoughts" }, made("summary", { text: words.textThinking }), made("div", { dir: "auto" })),
          this.body,
        );
        this.thinking.lastChild.append(piece);
        this.tell();
      },
      tool: (part) => {
        this.begin();
        const tool = (this.tools[part.index ?? 0] ??= { id: "", type: "function", function: { name: "", arguments: "" } });
        tool.id ||= part.id ?? "";
        tool.function.name += part.function?.name ?? "";
        tool.function.arguments += part.function?.arguments ?? "";
      },
    };
  }

  get message() {
    return { role: "assistant", content: this.text, ...(this.tools.length ? { tool_calls: this.tools } : {}) };
  }

  // While it comes, tokens are guessed from letters: the receipt says what they were.
  tell() {
    const guess = Math.ceil((this.text.length + this.thoughts.length) / 4);
    const price = units(this.pane.model.dataset.output);
    const cost = price ? `, ${words.textAbout} ${amount(price * BigInt(guess), this.pane.model.dataset.currency)}` : "";
    this.meter.textContent = `${words.textAbout} ${fill(words.textTokens, { input: "…", output: grouped(guess) })}${cost}`;
  }

  settle(paid) {
    const seconds = (performance.now() - (this.first || this.began)) / 1000;
    const count = paid ? paid.lines.reduce((sum, line) => sum + line.tokens, 0) : 0;
    const [input, output] = [this.usage?.prompt_tokens, this.usage?.completion_tokens].map((it) => (it === undefined ? "…" : grouped(it)));
    const facts = [fill(words.textTokens, { input, output })];
    if (paid) facts.push(units(paid.amount) ? amount(units(paid.amount), paid.currency) : words.textUnpriced);
    if (this.first && this.usage) {
      const rate = Math.round(this.usage.completion_tokens / Math.max(seconds, 0.001));
      facts.push(fill(words.textSpeed, { first: grouped(Math.round(this.first - this.began)), rate: grouped(rate) }));
    }
    this.meter.textContent = facts.join(" · ");
    if (!paid) return;
    const address = words.requestUrl.replace("REQUEST", encodeURIComponent(this.id));
    this.meter.append(" · ", made("a", { href: address, text: words.textRequest }));
    sum.add(count, units(paid.amount), paid.currency);
  }

  note(text, kind = "soft", role = "status") {
    find("[data-waiting]", this.body)?.remove();
    this.item.insertBefore(made("p", { class: `turn-note ${kind}`, role, text }), this.meter);
  }

  // Tools are never run here: the person says what each returned.
  askForResults(send) {
    const form = made("form", { class: "turn-tools", "data-again": "" });
    this.tools.forEach((tool, place) => {
      const id = `result-${this.id}-${place}`;
      form.append(
        made("p", { class: "soft", text: fill(words.textTool, { name: tool.function.name }) }),
        made("pre", { dir: "ltr", tabindex: "0" }, made("code", { text: tool.function.arguments })),
        made("label", { class: "field-label", for: id, text: fill(words.textResult, { name: tool.function.name }) }),
        made("textarea", { class: "form-control mono", id, rows: "2", dir: "auto" }),
      );
    });
    form.append(made("button", { class: "btn", type: "submit", text: words.textSendResults }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      form.remove();
      const results = [...form.querySelectorAll("textarea")].map((area) => area.value);
      send(this.tools.map((tool, place) => ({ role: "tool", tool_call_id: tool.id, name: tool.function.name, content: results[place] })));
    });
    this.item.insertBefore(form, this.meter);
    find("textarea", form).focus();
  }
}

const sum = {
  tokens: 0,
  amount: 0n,
  add(tokens, paid, currency) {
    this.tokens += tokens;
    this.amount += paid;
    find("[data-sum-tokens]").textContent = grouped(this.tokens);
    find("[data-sum-amount]").textContent = amount(this.amount, currency);
  },
  clear() {
    Object.assign(this, { tokens: 0, amount: 0n });
    for (const place of ["[data-sum-tokens]", "[data-sum-amount]"]) find(place).textContent = "0";
  },
};

function problem(name, text) {
  const place = find(`[data-problem="${name}"]`);
  place.hidden = !text;
  place.textContent = text;
  const input = document.getElementById(place.id.replace(/-error$/, ""));
  input.dataset.help ??= input.getAttribute("aria-describedby") ?? "";
  const described = [text && place.id, input.dataset.help].filter(Boolean).join(" ");
  for (const [key, value] of [["aria-invalid", text && "true"], ["aria-describedby", described]]) {
    if (value) input.setAttribute(key, value);
    else input.removeAttribute(key);
  }
  return text ? input : null;
}

function number(form, name) {
  const input = form.elements[name];
  const text = input.value.trim().replace(",", ".");
  const { least, most } = input.dataset;
  const isWhole = input.inputMode === "numeric";
  const isRight = isWhole ? /^\d{1,10}$/.test(text) : /^\d{1,3}(\.\d{1,6})?$/.test(text);
  const isWithin = isRight && Number(text) >= Number(least) && Number(text) <= Number(most);
  const wrong = text && !isWithin ? problem(name, fill(words.textNoNumber, { least, most })) : problem(name, "");
  return { wrong, value: text && isWithin ? Number(text) : undefined };
}

function json(form, name, isRight, told) {
  const text = form.elements[name].value.trim();
  if (!text) return { wrong: problem(name, "") };
  try {
    const value = JSON.parse(text);
    return isRight(value) ? { wrong: problem(name, ""), value } : { wrong: problem(name, told) };
  } catch {
    return { wrong: problem(name, told) };
  }
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

// What the form says as arguments of a call; the first field that is wrong takes the focus.
function settings() {
  const form = find("[data-settings]");
  const found = {
    max_tokens: number(form, "max_tokens"),
    temperature: number(form, "temperature"),
    top_p: number(form, "top_p"),
    seed: number(form, "seed"),
    schema: json(form, "schema", isObject, words.textNoJson),
    tools: json(form, "tools", (value) => Array.isArray(value) && value.every(isObject), words.textNoList),
  };
  const wrong = Object.values(found).find((each) => each.wrong)?.wrong;
  if (wrong) {
    for (let box = wrong.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
    wrong.focus();
    return null;
  }
  const { schema, tools, ...numbers } = Object.fromEntries(Object.entries(found).map(([name, each]) => [name, each.value]));
  const stop = form.elements.stop.value.split("\n").map((line) => line.trim()).filter(Boolean).slice(0, 4);
  return {
    system: form.elements.system.value.trim(),
    project: form.elements.project.value,
    arguments: {
      ...numbers,
      ...(stop.length ? { stop } : {}),
      ...(tools?.length ? { tools } : {}),
      ...(schema ? { response_format: { type: "json_schema", json_schema: { name: "answer", schema } } } : {}),
    },
  };
}

function request(pane, chosen) {
  const system = chosen.system ? [{ role: "system", content: chosen.system }] : [];
  const most = Number(pane.model.dataset.maxOutput);
  const limited = most && chosen.arguments.max_tokens > most ? { max_tokens: most } : {};
  // A name beside a tool's result is for people alone.
  const turns = pane.turns.map(({ name, ...turn }) => turn);
  return { model: pane.select.value, messages: [...system, ...turns], ...chosen.arguments, ...limited };
}

function start() {
  const csrf = JSON.parse(document.body.getAttribute("hx-headers"));
  const passes = new Passes(words.passUrl, csrf, words);
  const [first, second] = [...root.querySelectorAll("[data-pane]")].map((element) => new Pane(element));
  const composer = find("[data-composer]");
  const { prompt, image } = composer.elements;
  const panes = () => (second.element.hidden ? [first] : [first, second]);
  const see = () => panes().every((pane) => pane.model.dataset.sees !== undefined);
  const busy = () => [first, second].some((pane) => pane.controller);
  let chat = words.chat;

  function show() {
    find("[data-stop]").hidden = !busy();
    find("[data-send]").setAttribute("aria-disabled", String(busy()));
    find("[data-image]").hidden = !panes().some((pane) => pane.model.dataset.sees !== undefined);
    find("[data-compare]").hidden = !second.element.hidden;
    find("[data-compare]").setAttribute("aria-expanded", String(!second.element.hidden));
    root.classList.toggle("is-compared", !second.element.hidden);
  }

  async function answer(pane, chosen) {
    const given = new Answer(pane);
    const asked = pane.turns.length;
    pane.controller = new AbortController();
    const way = { passes, project: chosen.project, words, signal: pane.controller.signal, on: given.on };
    show();
    try {
      await call(request(pane, chosen), way);
      if (given.reason === "length") given.note(words.textLength);
      said(words.textAnswered);
    } catch (error) {
      if (error.name === "AbortError") given.note(words.textStopped);
      else given.note(error instanceof Refusal ? error.message : words.textOffline, "bad", "alert");
    }
    pane.controller = null;
    // Started again meanwhile, the conversation has no place for what came.
    const isOpen = pane.turns.length === asked;
    if (isOpen && (given.text || given.tools.length)) pane.turns.push(given.message);
    else if (isOpen && pane.turns.at(-1).role === "user") {
      // What was not answered is asked again, or changed: the next call does not repeat it.
      const lost = pane.turns.pop();
      if (!prompt.value && typeof lost.content === "string") prompt.value = lost.content;
    }
    show();
    if (given.tools.length) given.askForResults((results) => again(pane, results));
    if (given.id && (given.first || given.usage)) given.settle(await receipt(given.id, way).catch(() => null));
  }

  function again(pane, results) {
    for (const result of results) pane.ask(result);
    const chosen = settings();
    if (chosen) answer(pane, chosen);
  }

  async function picture() {
    const [file] = image.files;
    if (!file || find("[data-image]").hidden) return null;
    if (!IMAGES.includes(file.type)) throw new Refusal(words.textImageKind);
    if (file.size > LARGEST_IMAGE) throw new Refusal(words.textImageLarge);
    if (!see()) throw new Refusal(words.textUnseen);
    const url = await new Promise((resolve, reject) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.onerror = () => reject(new Refusal(words.textImageKind));
      reader.readAsDataURL(file);
    });
    return { type: "image_url", image_url: { url } };
  }

  composer.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = prompt.value.trim();
    if (!text || busy()) return prompt.focus();
    const chosen = settings();
    if (!chosen) return;
    let seen;
    try {
      seen = await picture();
      problem("image", "");
    } catch (error) {
      return problem("image", error.message).focus();
    }
    prompt.value = image.value = "";
    prompt.focus();
    for (const pane of panes()) {
      pane.ask({ role: "user", content: seen ? [{ type: "text", text }, seen] : text });
      answer(pane, chosen);
    }
  });

  prompt.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    composer.requestSubmit();
  });
  find("[data-stop]").addEventListener("click", () => {
    for (const pane of panes()) pane.controller?.abort();
    prompt.focus();
  });
  find("[data-clear]").addEventListener("click", () => {
    for (const pane of [first, second]) pane.clear();
    sum.clear();
    chat = "";
    history.replaceState(null, "", location.pathname);
    prompt.focus();
  });
  find("[data-compare]").addEventListener("click", () => {
    second.element.hidden = false;
    if (second.select.value === first.select.value) second.select.selectedIndex = (first.select.selectedIndex + 1) % first.select.length;
    show();
    second.select.focus();
  });
  find("[data-alone]").addEventListener("click", () => {
    second.clear();
    second.element.hidden = true;
    show();
    find("[data-compare]").focus();
  });
  for (const pane of [first, second]) pane.select.addEventListener("change", show);
  find("[data-settings]").addEventListener("submit", (event) => event.preventDefault());

  find("[data-code]").addEventListener("click", () => {
    const chosen = settings();
    if (!chosen) return;
    const form = document.getElementById("playground-code-form");
    const asked = request(first, chosen);
    if (!first.turns.length) asked.messages.push({ role: "user", content: prompt.value.trim() || "What is a token?" });
    // Pictures are long: their beginning says what stands there.
    form.elements.request.value = JSON.stringify(asked, (_key, value) =>
      typeof value === "string" && value.startsWith("data:image/") ? `${value.slice(0, 40)}…` : value,
    );
    htmx.trigger(form, "submit");
    document.getElementById("code").showModal();
  });

  find("[data-keep]").addEventListener("click", async () => {
    const toast = (text, level) => document.dispatchEvent(new CustomEvent("toast", { detail: { text, level } }));
    if (!first.turns.length) return toast(words.textNothing, "warning");
    chat ||= made_id();
    const fields = [...find("[data-settings]").elements].filter((field) => field.name);
    const content = {
      panes: panes().map((pane) => ({ model: pane.select.value, turns: pane.turns.map(({ name, ...turn }) => turn) })),
      settings: Object.fromEntries(fields.map((field) => [field.name, field.value])),
    };
    const address = words.keepUrl.replace("00000000-0000-0000-0000-000000000000", chat);
    const headers = { ...csrf, "Content-Type": "application/json" };
    try {
      const answered = await fetch(address, { method: "POST", headers, body: JSON.stringify(content) });
      const told = await answered.json();
      if (answered.ok) {
        history.replaceState(null, "", told.url);
        htmx.ajax("GET", told.url, { target: "#kept", select: "#kept", swap: "outerHTML" });
      }
      toast(answered.ok ? words.textKept : told.error.message, answered.ok ? "success" : "error");
    } catch {
      toast(document.body.dataset.textOffline, "error");
    }
  });

  function made_id() {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }

  function open(content) {
    const form = find("[data-settings]");
    for (const [name, value] of Object.entries(content.settings)) if (form.elements[name]) form.elements[name].value = value;
    if (!form.elements.project.value) form.elements.project.selectedIndex = 0;
    content.panes.forEach((kept, place) => {
      const pane = [first, second][place];
      pane.element.hidden = false;
      if ([...pane.select.options].some((option) => option.value === kept.model)) pane.select.value = kept.model;
      for (const turn of kept.turns) {
        if (turn.role !== "assistant") pane.ask(turn);
        else {
          pane.turns.push(turn);
          const { body } = pane.add("model", pane.model.dataset.label);
          body.append(turn.content ?? "", ...(turn.tool_calls ?? []).map((it) => `${it.function.name}(${it.function.arguments})`));
        }
      }
    });
  }

  const kept = document.getElementById("kept-chat");
  if (kept) open(JSON.parse(kept.textContent));
  show();
}

if (root) start();
