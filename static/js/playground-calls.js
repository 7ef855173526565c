// Calls of the playground: the pass it calls with, the answer as it comes, the receipt afterwards.
// Nothing here touches the page.

export class Refusal extends Error {
  constructor(message, code = "") {
    super(message);
    this.code = code;
  }
}

// One pass for each project. A new text closes the one before it, so two who need one share a request.
export class Passes {
  #url;
  #headers;
  #words;
  #asked = new Map();

  constructor(url, headers, words) {
    this.#url = url;
    this.#headers = headers;
    this.#words = words;
  }

  // `unlike`: a text that was refused; another one is asked for unless that has happened already.
  async of(project, unlike = "") {
    const known = await this.#asked.get(project)?.catch(() => null);
    const isFresh = known && known.until > Date.now() && known.key !== unlike;
    if (isFresh) return known.key;
    const asked = this.#asked.get(project);
    if (!asked || (await asked.catch(() => null)) === known) this.#asked.set(project, this.#ask(project));
    return (await this.#asked.get(project)).key;
  }

  async #ask(project) {
    const body = new FormData();
    body.set("project", project);
    const answer = await fetch(this.#url, { method: "POST", body, headers: this.#headers });
    if (answer.status === 403) throw new Refusal(this.#words.textRefused, "permission_denied");
    if (answer.redirected || answer.status !== 201) throw new Refusal(this.#words.textSignedOut, "signed_out");
    const { key, expires_at: end } = await answer.json();
    return { key, until: Date.parse(end) - 60_000 };
  }
}

async function refusal(answer, words) {
  const told = await answer.json().catch(() => null);
  return new Refusal(told?.error?.message ?? words.textOffline, told?.error?.code ?? "");
}

// Yields what each `data:` line of a stream of server-sent events says, up to its end.
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      rest += value ?? "";
      const lines = rest.split(/\r?\n/);
      rest = lines.pop();
      for (const line of lines) {
        if (!line.startsWith("data:")) continue;
        const data = line.slice(5).trim();
        if (data === "[DONE]") return;
        yield JSON.parse(data);
      }
      if (done) throw new TypeError("the stream ended before it was complete");
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

// Calls with what `asked` says and tells `on` what comes: id, text, thought, tool, end, usage.
export async function call(asked, { passes, project, words, signal, on }) {
  const send = async (key) =>
    fetch("/v1/chat/completions", {
      method: "POST",
      headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
      body: JSON.stringify({ ...asked, stream: true, stream_options: { include_usage: true } }),
      signal,
    });
  let key = await passes.of(project);
  let answer = await send(key);
  if (answer.status === 401) {
    // Another window was given a newer text, or the quarter of an hour is over.
    key = await passes.of(project, key);
    answer = await send(key);
  }
  on.id(answer.headers.get("x-request-id") ?? "");
  if (!answer.ok) throw await refusal(answer, words);
  for await (const event of events(answer.body)) {
    if (event.error) throw new Refusal(event.error.message, event.error.code ?? "");
    if (event.usage) on.usage(event.usage);
    const choice = event.choices?.[0];
    if (!choice) continue;
    const { content, reasoning_content: thought, reasoning, tool_calls: tools } = choice.delta ?? {};
    if (content) on.text(content);
    if (thought ?? reasoning) on.thought(thought ?? reasoning);
    for (const part of tools ?? []) on.tool(part);
    if (choice.finish_reason) on.end(choice.finish_reason);
  }
}

// Returns the receipt of a request, null when there is none. It is there within a second of the end:
// asked for earlier, a browser's console would tell of an error that is none.
export async function receipt(id, { passes, project }) {
  for (const pause of [1000, 1000, 2000, 4000]) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    const key = await passes.of(project);
    const answer = await fetch(`/v1/receipts/${encodeURIComponent(id)}`, { headers: { Authorization: `Bearer ${key}` } });
    if (answer.ok) return answer.json();
  }
  return null;
}
