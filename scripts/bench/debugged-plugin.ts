#!/usr/bin/env bun
/**
 * debugged-plugin.ts PORT KEY NAME: the plugin of `dialect-plugin/` behind a debugging connection, registered in the
 * SDK's words as the plugin `plugd-bench/NAME`. Ends with the connection.
 */
import { answer } from "./dialect-plugin/answer.ts";

const [port = "5003", key = "", name = ""] = process.argv.slice(2);
const en = (text: string) => ({ en_US: text });
const identity = { author: "plugd-bench", name: "dialect", label: en("Dialect"), description: en("Dialect") };
const ICON = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>').toString("base64");

const REGISTRATION = [
  { type: "handshake", data: { key } },
  {
    type: "manifest_declaration",
    data: {
      version: "0.0.1",
      type: "plugin",
      author: "plugd-bench",
      name,
      label: en("Dialect"),
      description: en("Dialect"),
      icon: "icon.svg",
      created_at: "2026-01-01T00:00:00Z",
      resource: { memory: 268_435_456, permission: {} },
      plugins: { tools: ["provider/dialect.yaml"] },
      meta: {
        version: "0.0.1",
        arch: ["amd64"],
        runner: { language: "python", version: "3.12", entrypoint: "main" },
      },
    },
  },
  {
    type: "tool_declaration",
    data: [
      {
        identity: { ...identity, icon: "icon.svg", tags: [] },
        credentials_schema: [],
        tools: [
          {
            identity: { author: "plugd-bench", name: "emit", label: en("Emit") },
            description: { human: en("Emits"), llm: "Emits" },
            parameters: [],
          },
        ],
      },
    ],
  },
  { type: "asset_chunk", data: { filename: "icon.svg", data: ICON, end: true } },
  { type: "end", data: {} },
];
const BEAT = '{"event":"heartbeat","session_id":null,"data":{}}\n\n';

/** Written from the first on; what the socket does not take waits for its drain. */
const unsent: Uint8Array[] = [];
const decoder = new TextDecoder();
let rest = "";

const socket = await Bun.connect({
  hostname: "127.0.0.1",
  port: Number(port),
  socket: {
    drain: flush,
    close: () => process.exit(0),
    data(_, chunk) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line.startsWith("{")) for (const text of answer(line)) send(text);
    },
  },
});

function send(text: string): void {
  unsent.push(Buffer.from(text));
  if (unsent.length === 1) flush();
}

function flush(): void {
  for (let bytes = unsent[0]; bytes; bytes = unsent[0]) {
    const taken = socket.write(bytes);
    if (taken < 0) return;
    if (taken < bytes.length) {
      unsent[0] = bytes.subarray(taken);
      return;
    }
    unsent.shift();
  }
}

send(`${REGISTRATION.map((message) => JSON.stringify(message)).join("\n")}\n${BEAT}`);
setInterval(() => send(BEAT), 10_000);
