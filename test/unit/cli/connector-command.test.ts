import { expect, test } from "bun:test";
import { runCli } from "../../../src/cli/cli.ts";
import type { RunningConnector } from "../../../src/cli/cli-deps.ts";
import { createLogger } from "../../../src/lib/create-logger.ts";
import { testDeps, testIo } from "./test-io.ts";

function standIn(options: { readonly keyPath: string | undefined; readonly onClose: () => void }) {
  const lines: string[] = [];
  const connector: RunningConnector = {
    url: "http://127.0.0.1:5005",
    logger: createLogger({ level: "INFO", format: "text", write: (line) => lines.push(line) }),
    dataDir: "/data",
    keyPath: options.keyPath,
    functions: 3,
    memoryLimit: "a cgroup",
    warnings: ["something to know"],
    close() {
      options.onClose();
      return Promise.resolve();
    },
  };
  return { connector, lines };
}

test("plugd connector turns flags into settings that win over the environment, and ends well", async () => {
  const stop = new AbortController();
  let given: Readonly<Record<string, string | undefined>> = {};
  let closed = 0;
  const { connector, lines } = standIn({ keyPath: undefined, onClose: () => closed++ });
  const io = testIo({
    signal: stop.signal,
    cwd: "/here",
    env: { PLUGD_CONNECTOR_PORT: "1", PLUGD_CONNECTOR_KEY: "k", PLUGD_URL: "http://elsewhere" },
  });
  const flags = ["--port", "6000", "--data-dir", "data", "--max-instances", "7", "--memory-floor", "0"];
  const code = await runCli(
    ["connector", ...flags],
    io,
    testDeps({
      startConnector({ env }) {
        given = env;
        stop.abort();
        return Promise.resolve(connector);
      },
    }),
  );
  expect(code).toBe(0);
  expect(closed).toBe(1);
  expect(given).toEqual({
    PLUGD_CONNECTOR_PORT: "6000",
    PLUGD_CONNECTOR_KEY: "k",
    PLUGD_CONNECTOR_DATA_DIR: "/here/data",
    PLUGD_CONNECTOR_MAX_INSTANCES: "7",
    PLUGIN_MEMORY_FLOOR: "0",
  });
  expect(lines.join("")).toContain("Listening url=http://127.0.0.1:5005 functions=3");
  expect(lines.join("")).toContain("something to know");
  expect(io.stdout.text).toBe("");
});

test("plugd connector tells a terminal what daemons have to be started with, and never the key", async () => {
  const stop = new AbortController();
  const { connector } = standIn({ keyPath: "/data/server.key", onClose: () => undefined });
  const io = testIo({ signal: stop.signal, terminal: true });
  await runCli(
    ["connector"],
    io,
    testDeps({
      startConnector() {
        stop.abort();
        return Promise.resolve(connector);
      },
    }),
  );
  expect(io.stdout.text).toContain("DIFY_PLUGIN_SERVERLESS_CONNECTOR_URL=http://127.0.0.1:5005");
  expect(io.stdout.text).toContain('what "/data/server.key" holds');
});
