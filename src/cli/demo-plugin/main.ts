/**
 * A complete plugin, without an SDK: one JSON object a line comes in on standard input and goes out on standard
 * output. What goes to standard error ends in the daemon's log.
 *
 *   in   {"session_id": "s1", "event": "request", "data": {"action": "invoke_tool", "tool": "greet", …}}
 *   out  {"session_id": "s1", "event": "session", "data": {"type": "stream", "data": <a message>}}   any number
 *   out  {"session_id": "s1", "event": "session", "data": {"type": "end", "data": {}}}               exactly one
 */

interface Request {
  readonly session_id: string;
  readonly event: string;
  readonly data: {
    readonly action: string;
    readonly tool?: string;
    readonly tool_parameters?: Readonly<Record<string, unknown>>;
  };
}

const HEARTBEAT_MS = 10_000;

/** The tool: a generator of the pieces of its answer. A failure is thrown; `name` becomes its type. */
async function* greet(parameters: Readonly<Record<string, unknown>>): AsyncGenerator<string> {
  const { name, pause_ms: pauseMs = 40 } = parameters;
  if (typeof name !== "string" || name.trim() === "") throw new TypeError("Tell me whom to greet");
  for (const word of `Hello, ${name}! Every word of this came on its own.`.split(/(?<=\s)/)) {
    yield word;
    await Bun.sleep(Number(pauseMs));
  }
}

function send(message: unknown): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function answer({ session_id, data }: Request): Promise<void> {
  const say = (type: string, content: unknown) =>
    send({ session_id, event: "session", data: { type, data: content } });
  try {
    if (data.action === "invoke_tool" && data.tool === "greet") {
      for await (const text of greet(data.tool_parameters ?? {}))
        say("stream", { type: "text", message: { text }, meta: null });
    } else if (data.action === "validate_tool_credentials") {
      say("stream", { result: true });
    } else {
      throw new Error(`There is no ${data.tool ?? data.action} here`);
    }
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    say("error", { error_type: name, message, args: {} });
  }
  say("end", {});
}

// The first line is the manifest; the first heartbeat says that requests can come, the others that all is well.
send(Bun.YAML.parse(await Bun.file("manifest.yaml").text()));
send({ event: "heartbeat", session_id: null, data: {} });
setInterval(() => send({ event: "heartbeat", session_id: null, data: {} }), HEARTBEAT_MS).unref();

// Requests run side by side, so `answer` is not waited for; it never throws. Only "\n" ends a line: other line ends
// may stand inside a text. The program ends when the daemon closes its input.
const decoder = new TextDecoder();
let rest = "";
for await (const chunk of Bun.stdin.stream()) {
  const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) {
    if (line.trim() === "") continue;
    const message: Request = JSON.parse(line);
    if (message.event === "request") void answer(message);
  }
}
