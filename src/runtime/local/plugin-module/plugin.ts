/**
 * `plugd/plugin`: plugins in TypeScript, run by plugd itself. It speaks the plain protocol on standard input and output
 * and imports nothing, as its text is handed to plugins. What may be imported is declared for editors in `plugin.d.ts`.
 */

export type Values = Readonly<Record<string, unknown>>;
/** A message of a tool: a text, or one of another type with its content, such as `{ type: "json", content: {…} }`. */
export type ToolMessage = string | Values;
/** One answer, or a generator of its pieces; what an LLM's generator returns, such as `{ total_tokens: 7 }`, ends it. */
export type Answer<T> = T | Promise<T> | AsyncGenerator<T, unknown> | Generator<T, unknown>;

/** One request and what can be done while it is served. */
export interface Call {
  /** Everything that came with it: `provider`, `model`, `prompt_messages`, … */
  readonly data: Values;
  readonly parameters: Values;
  readonly credentials: Values;
  /** Ids of the conversation, the message and the app, where there are any. */
  readonly context: Values;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Texts that stay; `resource.permission.storage` of the manifest has to allow it. */
  readonly storage: {
    get(key: string): Promise<string | undefined>;
    set(key: string, value: string): Promise<void>;
    delete(key: string): Promise<void>;
    has(key: string): Promise<boolean>;
  };
  /** Asks the platform for one answer: `ask("fetch_app", { app_id })`. Rejects with its error. */
  ask(action: string, request?: Values): Promise<Values>;
  /** The same, piece by piece: `stream("llm", { … })`. */
  stream(action: string, request?: Values): AsyncGenerator<Values, void>;
  /** A line of the plugin's log. */
  log(message: string, level?: "debug" | "info" | "warn" | "error"): void;
  /** Under `plugd plugin dev` shows these until somebody says `plugd debug continue`; elsewhere it does nothing. */
  breakpoint(variables?: Values): Promise<void>;
}

export interface EndpointCall extends Call {
  readonly settings: Values;
  /** The parts of the path in angle brackets. */
  readonly params: Readonly<Record<string, string>>;
}

export interface Plugin {
  /** By the names in the manifest's files. */
  readonly tools?: Readonly<Record<string, (call: Call) => Answer<ToolMessage>>>;
  /** By type: `llm`, `text-embedding`, `rerank`, … A piece of an LLM is a text, or a chunk as the platform has it. */
  readonly models?: Readonly<Record<string, (call: Call) => Answer<string | Values>>>;
  /** By method and path: `"GET /hello/<who>"`. */
  readonly endpoints?: Readonly<
    Record<string, (request: Request, call: EndpointCall) => Response | Promise<Response>>
  >;
  /** Checks credentials; what it throws is shown to whoever typed them. Without it all are good. */
  readonly validate?: (call: Call) => unknown;
  /** Anything else by its action: `get_llm_num_tokens`, `invoke_trigger_event`, … */
  readonly actions?: Readonly<Record<string, (call: Call) => Answer<Values>>>;
}

/** An error with a type and a code of its own; of any other the type is its name. */
export class PluginError extends Error {
  readonly type: string;
  readonly code: string | undefined;
  constructor(message: string, more: { readonly type?: string; readonly code?: string } = {}) {
    super(message);
    this.type = more.type ?? "PluginError";
    this.code = more.code;
  }
}

/** Serves requests until the daemon closes the input; then resolves. Requests run side by side. */
export async function serve(plugin: Plugin): Promise<void> {
  const running = new Map<string, AbortController>();
  const asked = new Map<string, (message: Values) => void>();
  let lastId = 0;
  process.stdout.setMaxListeners(0); // each answer that waits for the pipe is one

  async function run(message: Values): Promise<void> {
    const requestId = textOf(message["request_id"]);
    const abort = new AbortController();
    running.set(requestId, abort);
    const say = (type: string, more: Values) => send({ type, request_id: requestId, ...more });
    try {
      const answer = await handlerOf(plugin, message)(callOf(message, abort.signal));
      if (isGenerator(answer)) await sendPieces(answer, say, abort.signal);
      else if (!abort.signal.aborted)
        await say("response", { status: "success", ...(answer !== undefined && { data: dataOf(answer) }) });
    } catch (error) {
      if (!abort.signal.aborted) await say("response", { status: "error", error: describe(error) });
    } finally {
      running.delete(requestId);
    }
  }

  function callOf(message: Values, signal: AbortSignal): Call {
    const data = recordOf(message["data"]);
    const sessionId = textOf(message["session_id"]);

    async function* stream(action: string, request: Values = {}): AsyncGenerator<Values, void> {
      const id = String(++lastId);
      const answers: Values[] = [];
      let wake = () => {};
      asked.set(id, (answer) => {
        answers.push(answer);
        wake();
      });
      signal.addEventListener("abort", () => wake(), { once: true });
      try {
        signal.throwIfAborted();
        await send({ type: "backwards", session_id: sessionId, request_id: id, action, data: request });
        for (;;) {
          if (answers.length === 0) await new Promise<void>((resolve) => (wake = resolve));
          signal.throwIfAborted();
          const answer = answers.shift() ?? {};
          const error = recordOf(answer["error"]);
          if (answer["status"] === "error")
            throw new PluginError(textOf(error["message"]), { type: textOf(error["type"]) });
          const piece = recordOf(answer["data"]);
          // The last line of a stream only says that it is the last.
          if (answer["done"] !== true || Object.keys(piece).length > 0) yield piece;
          if (answer["done"] === true) return;
        }
      } finally {
        asked.delete(id);
      }
    }

    const ask = async (action: string, request?: Values) =>
      (await Array.fromAsync(stream(action, request))).at(-1) ?? {};
    const has = async (key: string) => (await ask("storage.exist", { key }))["data"] === true;
    return {
      data,
      parameters: recordOf(data["parameters"]),
      credentials: recordOf(data["credentials"]),
      context: recordOf(message["context"]),
      signal,
      ask,
      stream,
      storage: {
        has,
        async get(key) {
          try {
            return textOf((await ask("storage.get", { key }))["value"]);
          } catch (error) {
            if (await has(key)) throw error;
            return undefined;
          }
        },
        set: async (key, value) => void (await ask("storage.set", { key, value })),
        delete: async (key) => void (await ask("storage.delete", { key })),
      },
      log: (text, level = "info") =>
        void send({ type: "log", level, message: text, timestamp: new Date().toISOString() }),
      async breakpoint(variables = {}) {
        if (!import.meta.env["PLUGD_DEV"]) return;
        const [, caller = ""] = new Error().stack?.match(/\/\S+:\d+(?=:\d+\)?$)/gm) ?? [];
        const [, file = "", line] = /^(.*):(\d+)$/.exec(caller.replace(`${process.cwd()}/`, "")) ?? [];
        const id = `breakpoint ${++lastId}`;
        void send({ type: "breakpoint", session_id: sessionId, file, line: Number(line), variables });
        await new Promise((resolve) => [asked.set(id, resolve), signal.addEventListener("abort", resolve)]);
        asked.delete(id);
      },
    };
  }

  for await (const line of linesOf(Bun.stdin.stream())) {
    const message = recordOf(JSON.parse(line));
    const id = textOf(message["request_id"]);
    // None of these is waited for: a request must not hold up a heartbeat. `run` never rejects.
    if (message["type"] === "invoke") void run(message);
    else if (message["type"] === "heartbeat") void send({ type: "heartbeat_ack" });
    else if (message["type"] === "cancel") running.get(id)?.abort(new Error("Nobody waits for the answer"));
    else if (message["type"] === "backwards_response") asked.get(id)?.(message);
    else if (message["type"] === "continue")
      for (const [key, goOn] of asked) if (key.startsWith("breakpoint ")) goOn(message);
  }
}

type Handler = (call: Call) => unknown;
type Say = (type: string, more: Values) => Promise<void>;
type Pieces = AsyncGenerator | Generator;

function handlerOf(plugin: Plugin, message: Values): Handler {
  const data = recordOf(message["data"]);
  const action = textOf(message["action"]);
  const kind = textOf(message["plugin_type"]);
  const other = ownOf(plugin.actions, action);
  if (other) return other;
  if (action === "validate")
    return async (call) => {
      const valid = await plugin.validate?.(call);
      return typeof valid === "object" && valid !== null ? valid : { valid: valid !== false };
    };
  const name = textOf(data[kind === "tool" ? "tool_name" : "model_type"]);
  const found: Readonly<Record<string, () => Handler | undefined>> = {
    tool: () => ownOf(plugin.tools, name),
    model: () => ownOf(plugin.models, name),
    extension: () => endpointHandler(plugin, textOf(data["raw_http_request"])),
  };
  const handler = action === "invoke" ? ownOf(found, kind)?.() : undefined;
  if (handler) return handler;
  throw new PluginError(`There is no ${[kind, action, name].filter(Boolean).join(" ")} here`, {
    code: "NOT_FOUND",
  });
}

/** Never what an object inherits. */
function ownOf<T>(entries: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return entries && Object.hasOwn(entries, name) ? entries[name] : undefined;
}

async function sendPieces(pieces: Pieces, say: Say, signal: AbortSignal): Promise<void> {
  await say("stream_start", {});
  for (;;) {
    const { done, value } = await pieces.next();
    if (signal.aborted) return void (await pieces.return(undefined));
    if (done === true) return say("stream_end", { data: recordOf(value) });
    await say("stream_chunk", { data: dataOf(value) });
  }
}

function isGenerator(value: unknown): value is Pieces {
  return typeof value === "object" && value !== null && "next" in value && "return" in value;
}

/** The endpoint for a request that came in as the bytes of an HTTP message, in hex. */
function endpointHandler({ endpoints = {} }: Plugin, raw: string): Handler | undefined {
  const bytes = Buffer.from(raw, "hex");
  const bodyAt = bytes.indexOf("\r\n\r\n");
  const [first = "", ...headers] = bytes.subarray(0, bodyAt).toString("latin1").split("\r\n");
  const [method = "", target = "/"] = first.split(" ");
  const fields = headers.map((line): [string, string] => {
    const at = line.indexOf(":");
    return [line.slice(0, at), line.slice(at + 1).trim()];
  });
  const url = new URL(target, `http://${new Headers(fields).get("host") ?? "localhost"}`);
  for (const [route, handle] of Object.entries(endpoints)) {
    const [of, pattern = ""] = route.split(" ");
    const params = of === method ? match(pattern, url.pathname) : undefined;
    if (!params) continue;
    const body = method === "GET" || method === "HEAD" ? null : bytes.subarray(bodyAt + 4);
    return async function* (call) {
      const request = new Request(url.href, { method, headers: fields, body, signal: call.signal });
      const response = await handle(request, { ...call, params, settings: recordOf(call.data["settings"]) });
      const head = { status: response.status, headers: Object.fromEntries(response.headers) };
      let begun = false;
      for await (const piece of response.body ?? []) {
        yield { ...(begun ? {} : head), result: Buffer.from(piece).toString("hex") };
        begun = true;
      }
      if (!begun) yield { ...head, result: "" };
    } satisfies (call: Call) => AsyncGenerator;
  }
  return undefined;
}

/** The parts of the path that stand in angle brackets; undefined where the path is another one. */
function match(pattern: string, path: string): Record<string, string> | undefined {
  const [wanted, given] = [pattern.split("/"), path.split("/")];
  const params: Record<string, string> = {};
  for (const [at, part] of wanted.entries()) {
    const name = /^<(?:\w+:)?(\w+)>$/.exec(part)?.[1];
    const value = given[at];
    if (value === undefined || (name === undefined && value !== part)) return undefined;
    if (name !== undefined) params[name] = decodeURIComponent(value);
  }
  return wanted.length === given.length ? params : undefined;
}

function describe(error: unknown): Values {
  if (error instanceof PluginError) return { type: error.type, message: error.message, code: error.code };
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  return { type: name, message, traceback: stack };
}

/** Resolves when the pipe has taken it, so that a slow reader slows the plugin down. */
async function send(message: Values): Promise<void> {
  if (process.stdout.write(`${JSON.stringify(message)}\n`)) return;
  await new Promise<void>((resolve) => process.stdout.once("drain", resolve));
}

/** Only "\n" ends a line: other line ends may stand inside a text. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest: string[] = [];
  for await (const chunk of chunks) {
    const [first = "", ...more] = decoder.decode(chunk, { stream: true }).split("\n");
    rest.push(first);
    for (const next of more) {
      const line = rest.join("");
      rest = [next];
      if (line.trim() !== "") yield line;
    }
  }
}

const dataOf = (answer: unknown) => (typeof answer === "string" ? { content: answer } : answer);
const textOf = (value: unknown) => (typeof value === "string" ? value : "");
const recordOf = (value: unknown): Values =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
