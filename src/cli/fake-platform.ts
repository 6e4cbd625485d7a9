import { Command, InvalidArgumentError } from "commander";
import { whenAborted } from "../lib/when-aborted.ts";
import { DEFAULT_KEY, startFakePlatform } from "../service/author/fake-platform/fake-platform.ts";
import { faultLines } from "../service/author/fake-platform/guide.ts";
import type { Received } from "../service/author/fake-platform/received.ts";
import { type CliIo, forOutput, styleFor } from "./cli-io.ts";
import { formatBytes } from "./format.ts";

interface FakePlatformFlags {
  readonly host: string;
  readonly port: number;
  readonly key: string;
}

const DEFAULT_PORT = 5004;
const HIGHEST_PORT = 65_535;

export function fakePlatformCommand(io: CliIo): Command {
  return new Command("fake-platform")
    .description("answer plugins' calls back without a Dify, and show what they ask, until Ctrl-C")
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--port <port>", "port to listen on; 0: any that is free", parsePort, DEFAULT_PORT)
    .option("--key <key>", "what the daemon has to send as its DIFY_INNER_API_KEY", DEFAULT_KEY)
    .addHelpText(
      "after",
      `\nA model, tool or app with one of these names makes it fail, "slow:5000" by another number:\n${faultLines().join("\n")}`,
    )
    .action((flags: FakePlatformFlags) => fakePlatform(flags, io));
}

async function fakePlatform(flags: FakePlatformFlags, io: CliIo): Promise<void> {
  const style = styleFor(io.stdout, io.env);
  const platform = startFakePlatform({
    hostname: flags.host,
    port: flags.port,
    key: flags.key,
    onRequest: (received) => io.stdout.write(`${describe(received, io)}\n`),
  });
  try {
    io.stdout.write(
      [
        "Start the daemon with these, and plugins can call back without a Dify:",
        `  ${style.green(`DIFY_INNER_API_URL=${platform.url}`)}`,
        `  ${style.green(`DIFY_INNER_API_KEY=${platform.key}`)}`,
        `What it was asked: ${platform.url}/__log, and below; what can be asked of it: ${platform.url}/`,
        "",
        "",
      ].join("\n"),
    );
    await whenAborted(io.signal);
  } finally {
    await platform.close();
  }
}

function describe({ method, path, body, status, sentBytes, outcome }: Received, io: CliIo): string {
  const subject = ["model", "tool", "app_id", "filename", "opt"]
    .map((name) => fieldOf(body, name))
    .find((value) => value !== "");
  const end = { open: "", answered: "", left: ", the daemon left", reset: ", connection broken" }[outcome];
  const parts = [
    method === "POST" ? "" : `${method} `,
    path.replace("/inner/api/", "").replace(/\?.*$/, ""),
    subject === undefined ? "" : ` ${subject}`,
    ` → ${status === 0 ? "no answer" : `${status}, ${formatBytes(sentBytes)}`}${end}`,
  ];
  return forOutput(parts.join(""), io.stdout);
}

function fieldOf(body: unknown, name: string): string {
  if (typeof body !== "object" || body === null) return "";
  const value: unknown = Object.entries(body).find(([key]) => key === name)?.[1];
  return typeof value === "string" ? value : fieldOf(value, "name");
}

function parsePort(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > HIGHEST_PORT)
    throw new InvalidArgumentError(`It must be a number from 0 to ${HIGHEST_PORT}.`);
  return Number(text);
}
