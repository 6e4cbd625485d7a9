import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { requireIdentifier } from "../protocol/identifier.ts";
import type { CliDeps } from "./cli-deps.ts";
import { CliError } from "./cli-error.ts";
import { type CliIo, styleFor } from "./cli-io.ts";
import { DEFAULT_TENANT } from "./connection.ts";
import { daemonClient } from "./daemon-client.ts";
import { formatBytes, formatDuration } from "./format.ts";
import { startInstall, uploadPackage } from "./install.ts";
import { followInstall } from "./install-task.ts";
import { invokeTool } from "./invoke.ts";
import { ownDaemonEnvironment } from "./own-daemon.ts";
import { shellWord } from "./shell-word.ts";
import { toolOutput } from "./tool-output.ts";

const INSTALL_TIMEOUT_MS = 30_000;
const POLL_MS = 15;
const LABEL_WIDTH = 10;

export function demoCommand(io: CliIo, deps: CliDeps): Command {
  return new Command("demo")
    .description("run a sample plugin in a daemon of its own, show its answer, remove everything")
    .argument("[name]", "whom the plugin greets", "World")
    .action((name: string) => demo(name, { io, deps }));
}

/**
 * Everything that an operator does with a real daemon, once, through the HTTP API: start, upload, install, invoke.
 * Nothing is left behind, whatever happens on the way.
 */
async function demo(
  name: string,
  { io, deps }: { readonly io: CliIo; readonly deps: CliDeps },
): Promise<void> {
  const began = performance.now();
  const style = styleFor(io.stdout, io.env);
  const label = (text: string) => `  ${style.dim(text.padEnd(LABEL_WIDTH))} `;
  const took = (since: number) => style.dim(`(${formatDuration(performance.now() - since)})`);
  const say = (step: string, text: string) => io.stdout.write(`${label(step)}${text}\n`);

  const folder = await mkdtemp(join(tmpdir(), "plugd-demo-"));
  try {
    const key = crypto.randomUUID();
    const daemon = await deps.startDaemon({
      env: ownDaemonEnvironment({ folder, env: io.env, settings: { SERVER_KEY: key } }),
    });
    try {
      say("started", `a daemon for this demo at ${daemon.url} ${took(began)}`);
      const connection = { url: daemon.url, key, keySource: "the demo", tenantId: DEFAULT_TENANT };
      const client = daemonClient(connection, { program: io.program, signal: io.signal });

      const { buildDemoPackage } = await import("./demo-package.ts");
      const bytes = await buildDemoPackage();
      const installBegan = performance.now();
      const identifier = await uploadPackage(client, { bytes, name: "hello.difypkg" });
      const taskId = await startInstall(client, identifier);
      if (taskId === undefined) throw new CliError("The demo's empty daemon has the plugin already");
      await followInstall(client, {
        taskId,
        identifier,
        timeoutMs: INSTALL_TIMEOUT_MS,
        pollMs: POLL_MS,
        signal: io.signal,
        onStep: () => {},
      });
      const { pluginId, version } = requireIdentifier(identifier);
      say(
        "installed",
        `${pluginId} ${version}, ${formatBytes(bytes.length)} of TypeScript ${took(installBegan)}`,
      );
      say("asked", `${io.program} invoke ${pluginId} greet name=${shellWord(name)}`);
      io.stdout.write(label("answered"));
      const output = toolOutput(io);
      try {
        const call = { pluginId, provider: "hello", tool: "greet", parameters: { name }, credentials: {} };
        for await (const { value } of invokeTool(client, call)) output.write(value);
      } finally {
        output.end();
      }
    } finally {
      await daemon.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  say("removed", `daemon, plugin and ${folder} ${took(began)}`);
  io.stdout.write(
    `\nNext: ${style.green(`${io.program} start`)}, and in another terminal ${style.green(`${io.program} install FILE.difypkg`)}\n`,
  );
}
