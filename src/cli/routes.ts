import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import type { CliDeps, Route } from "./cli-deps.ts";
import type { CliIo } from "./cli-io.ts";
import { freePort } from "./free-port.ts";

/** Settings that routes depend on, and what a daemon needs to start. Nothing of the operator's own daemon is touched. */
const KEPT_VARIABLES = [
  "PATH",
  "HOME",
  "TMPDIR",
  "PLATFORM",
  "PROMETHEUS_ENABLED",
  "PPROF_ENABLED",
  "ADMIN_API_ENABLED",
  "ADMIN_API_KEY",
  "PLUGIN_ENDPOINT_ENABLED",
  "PLUGIN_REMOTE_INSTALLING_ENABLED",
];

export function routesCommand(io: CliIo, deps: CliDeps): Command {
  return new Command("routes")
    .description("show method and path of everything that the daemon answers, under these settings")
    .action(() => routes(io, deps));
}

/** Starts a daemon in an empty folder and asks what it has: nothing else tells the truth about every setting. */
async function routes(io: CliIo, deps: CliDeps): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "plugd-routes-"));
  try {
    const daemon = await deps.startDaemon({ env: environment(folder, io.env) });
    const lines = daemon.routes.toSorted(byPath).map(({ method, path }) => `${method.padEnd(7)} ${path}\n`);
    await daemon.close();
    io.stdout.write(lines.join(""));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function environment(folder: string, env: CliIo["env"]): Readonly<Record<string, string | undefined>> {
  return {
    ...Object.fromEntries(KEPT_VARIABLES.map((name) => [name, env[name]])),
    PLUGD_DATA_DIR: folder,
    SERVER_HOST: "127.0.0.1",
    SERVER_PORT: String(freePort()),
    SERVER_KEY: crypto.randomUUID(),
    PLUGIN_REMOTE_INSTALLING_HOST: "127.0.0.1",
    PLUGIN_REMOTE_INSTALLING_PORT: String(freePort()),
    LOG_LEVEL: "error",
  };
}

function byPath(a: Route, b: Route): number {
  if (a.path !== b.path) return a.path < b.path ? -1 : 1;
  return a.method < b.method ? -1 : 1;
}
