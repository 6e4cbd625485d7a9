#!/usr/bin/env bun
import { basename } from "node:path";
import { runCli } from "./cli/cli.ts";
import { streamInput } from "./cli/stream-input.ts";
import { streamOutput } from "./cli/stream-output.ts";
import { parseConfig } from "./config/parse-config.ts";
import { authorSettings } from "./local-settings.ts";
import { createLogger } from "./lib/create-logger.ts";
import { ownCommand, runAsInit } from "./lib/init-process.ts";
import { createLineWriter } from "./lib/line-writer.ts";
import { type LogFile, openLogFile } from "./lib/log-file.ts";
import { trimMemory } from "./lib/trim-memory.ts";
import { DaemonError } from "./protocol/daemon-error.ts";

const SAME_SIGNAL_MS = 500;
/** By then the start is over, the look around the machine included. */
const TRIM_AFTER_MS = 1500;

/** The only file that touches the process: arguments, environment, signals, exit code. */
async function main(): Promise<number> {
  if (process.pid === 1)
    return runAsInit({
      command: ownCommand(process),
      env: process.env,
      on: (name, handler) => process.on(name, handler),
      warn: (text) => process.stderr.write(`${text}\n`),
    });

  const stop = new AbortController();
  let stoppedAt = 0;
  for (const [name, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)
    process.on(name, () => {
      // The second one ends at once; plugins die with this process. A Ctrl-C comes twice from whatever stands between
      // the terminal and this program, such as npx, and is one all the same.
      if (stop.signal.aborted && performance.now() - stoppedAt > SAME_SIGNAL_MS) process.exit(code);
      if (!stop.signal.aborted) stoppedAt = performance.now();
      stop.abort();
    });
  const log = createLineWriter(1);
  process.on("exit", () => log.flushSync());

  return runCli(process.argv.slice(2), io(stop.signal), {
    async startDaemon({ env }) {
      const settings = parseConfig(env);
      const { config } = settings;
      process.env["TZ"] = config.SERVER_TZ;
      const file = config.LOG_FILE === undefined ? undefined : openLog(config.LOG_FILE);
      const logger = createLogger({
        level: config.LOG_LEVEL,
        format: config.LOG_OUTPUT_FORMAT,
        write(line) {
          // A full disk must not take the line from the terminal, nor a slow terminal from the file.
          try {
            file?.write(line);
          } finally {
            log.write(line);
          }
        },
      });
      // A stray failure must be seen, and must not take every plugin down with it.
      process.on("unhandledRejection", (error) => logger.error("Unhandled rejection", { error }));
      process.on("uncaughtException", (error) => logger.error("Uncaught exception", { error }));
      // Loaded where a daemon is wanted: the other commands answer sooner without it.
      const { startDaemon } = await import("./daemon.ts");
      const daemon = await startDaemon({
        settings,
        env,
        execPath: process.execPath,
        log: logger,
        startedAt: 0,
      });
      setTimeout(() => trimMemory(process.execPath), TRIM_AFTER_MS).unref();
      return daemon;
    },
    authorSettings: ({ env, folder }) => authorSettings({ env, execPath: process.execPath }, { folder }),
  });
}

function io(signal: AbortSignal): Parameters<typeof runCli>[1] {
  const name = basename(process.argv0);
  const dify = name.startsWith("dify");
  const plugd = process.execPath.endsWith("/bun") ? "npx bun run plugd" : "plugd";
  return {
    personality: dify ? "dify" : "plugd",
    program: dify ? name : plugd,
    stdin: streamInput(() => process.stdin),
    stdout: streamOutput(process.stdout),
    stderr: streamOutput(process.stderr),
    env: process.env,
    cwd: process.cwd(),
    signal,
  };
}

function openLog(path: string): LogFile {
  try {
    return openLogFile(path);
  } catch (cause) {
    throw new DaemonError("startup", `Cannot write the log to "${path}": ${String(cause)}`, {
      cause,
      hint: "Correct LOG_FILE, or unset it",
    });
  }
}

process.exit(await main());
