import { basename } from "node:path";
import { runCli } from "./cli/cli.ts";
import { streamInput } from "./cli/stream-input.ts";
import { streamOutput } from "./cli/stream-output.ts";
import type { Config } from "./config/config.ts";
import { parseConfig } from "./config/parse-config.ts";
import { authorSettings } from "./local-settings.ts";
import { createLogger } from "./lib/create-logger.ts";
import type { Logger } from "./lib/logger.ts";
import { ownCommand, runAsInit } from "./lib/init-process.ts";
import { createLineWriter } from "./lib/line-writer.ts";
import { type LogFile, openLogFile } from "./lib/log-file.ts";
import { trimMemory } from "./lib/trim-memory.ts";
import { DaemonError } from "./protocol/daemon-error.ts";

const SAME_SIGNAL_MS = 500;
/** By then the start is over, the look around the machine included. */
const TRIM_AFTER_MS = 1500;

/** The whole program, for the process that `main.ts` hands it: arguments, environment, signals. Resolves with the exit code. */
export async function runProgram(own: NodeJS.Process): Promise<number> {
  if (own.pid === 1)
    return runAsInit({
      command: ownCommand(own),
      env: own.env,
      on: (name, handler) => own.on(name, handler),
      warn: (text) => own.stderr.write(`${text}\n`),
    });

  const stop = new AbortController();
  let stoppedAt = 0;
  for (const [name, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)
    own.on(name, () => {
      // The second one ends at once; plugins die with this process. A Ctrl-C comes twice from whatever stands between
      // the terminal and this program, such as npx, and is one all the same.
      if (stop.signal.aborted && performance.now() - stoppedAt > SAME_SIGNAL_MS) own.exit(code);
      if (!stop.signal.aborted) stoppedAt = performance.now();
      stop.abort();
    });
  const log = createLineWriter(1);
  own.on("exit", () => log.flushSync());

  function openLogger(config: Config): Logger {
    own.env["TZ"] = config.SERVER_TZ;
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
    own.on("unhandledRejection", (error) => logger.error("Unhandled rejection", { error }));
    own.on("uncaughtException", (error) => logger.error("Uncaught exception", { error }));
    return logger;
  }

  return runCli(own.argv.slice(2), io(own, stop.signal), {
    async startDaemon({ env }) {
      const settings = parseConfig(env);
      const logger = openLogger(settings.config);
      // Loaded where a daemon is wanted: the other commands answer sooner without it.
      const { startDaemon } = await import("./daemon.ts");
      const daemon = await startDaemon({
        settings,
        env,
        execPath: own.execPath,
        log: logger,
        startedAt: 0,
      });
      setTimeout(() => trimMemory(own.execPath), TRIM_AFTER_MS).unref();
      return daemon;
    },
    async startConnector({ env }) {
      const settings = parseConfig(env);
      const logger = openLogger(settings.config);
      const { startConnector } = await import("./connector.ts");
      return startConnector({ settings, env, execPath: own.execPath, log: logger });
    },
    authorSettings: ({ env, folder }) => authorSettings({ env, execPath: own.execPath }, { folder }),
  });
}

function io(own: NodeJS.Process, signal: AbortSignal): Parameters<typeof runCli>[1] {
  const name = basename(own.argv0);
  const dify = name.startsWith("dify");
  const plugd = own.execPath.endsWith("/bun") ? "npx bun run plugd" : "plugd";
  return {
    personality: dify ? "dify" : "plugd",
    program: dify ? name : plugd,
    stdin: streamInput(() => own.stdin),
    stdout: streamOutput(own.stdout),
    stderr: streamOutput(own.stderr),
    env: own.env,
    cwd: own.cwd(),
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
