#!/usr/bin/env bun
/**
 * bare-calls.ts PLUGIN_DIR PLATFORM_URL: the least that can serve a plugin's calls back, as the floor of their ratio.
 *
 * The plugin's pipes, which are socket pairs, and `fetch`. No permissions, no checks, no limits. Takes `tool_parameters`
 * as lines of JSON, one after the other, and prints the plugin's item for each.
 */
import { readLines } from "../../src/cli/lines.ts";

type Values = Readonly<Record<string, unknown>>;

const [folder = ".", platform = ""] = process.argv.slice(2);
const child = Bun.spawn([process.execPath, "main.ts"], {
  cwd: folder,
  stdin: "pipe",
  stdout: "pipe",
  stderr: "inherit",
});
const url = `${platform}/inner/api/invoke/summary`;
const HEADERS = { "content-type": "application/json", "x-inner-api-key": "bench" };
let answered: ((item: unknown) => void) | undefined;

function send(text: string): void {
  void child.stdin.write(text);
  void child.stdin.flush();
}

async function callBack(sessionId: unknown, call: Values): Promise<void> {
  const body = JSON.stringify(call["request"]);
  const response = await fetch(url, { method: "POST", headers: HEADERS, body });
  const { data } = (await response.json()) as Values;
  const event = (name: string, value: unknown) =>
    `${JSON.stringify({
      session_id: sessionId,
      event: "backwards_response",
      data: {
        backwards_request_id: call["backwards_request_id"],
        event: name,
        message: "struct",
        data: value,
      },
    })}\n`;
  send(event("response", data) + event("end", null));
}

async function relay(): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of child.stdout) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") continue;
      const { session_id: sessionId, data } = JSON.parse(line) as Values;
      const { type, data: inner } = data as Values;
      if (type === "invoke") void callBack(sessionId, inner as Values);
      else if (type === "stream") answered?.(inner);
    }
  }
}

void relay();
for await (const line of readLines(Bun.stdin.stream())) {
  const item = await new Promise((resolve) => {
    answered = resolve;
    send(
      `${JSON.stringify({ session_id: crypto.randomUUID(), event: "request", data: { tool_parameters: JSON.parse(line) } })}\n`,
    );
  });
  console.log(JSON.stringify(item));
}
child.kill();
process.exit(0);
