import { expect, test } from "bun:test";
import type { LogAttributes, Logger } from "../../../src/lib/logger.ts";
import type { FunctionLogLine } from "../../../src/protocol/serverless/function-log.ts";
import { createFunctionLogs, type FunctionLogsDeps } from "../../../src/service/function-logs.ts";

/* Logs of functions for those who watch their plugins. */

const IDENTIFIER = `a/b:1.0.0@${"0".repeat(64)}`;

function setUp(runtimeType: "local" | "serverless" = "serverless") {
  const told: string[] = [];
  const follows: { readonly onLine: (line: FunctionLogLine) => void; readonly signal: AbortSignal }[] = [];
  const line = (message: string, attributes: LogAttributes = {}) =>
    void told.push(`${message}: ${JSON.stringify(attributes["text"] ?? attributes["line"] ?? "")}`);
  const log: Logger = { debug: line, info: line, warn: line, error: line, with: () => log };
  const installations = {
    installed: () => Promise.resolve({ identifier: IDENTIFIER, runtimeType }),
  } as unknown as FunctionLogsDeps["installations"];
  const logs = createFunctionLogs({
    installations,
    connector: {
      followLog(_, options) {
        follows.push(options);
        const over = Promise.withResolvers<void>();
        options.signal.addEventListener("abort", () => over.resolve());
        return over.promise;
      },
    },
    logOf: () => log,
  });
  const watch = () => logs.source({ pluginId: "a/b", tenantId: "t" });
  return { logs, watch, told, follows };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));
const said = (time: string, line: string, source: FunctionLogLine["source"] = "stdout") => ({
  time,
  instance: 1,
  source,
  line,
});

test("createFunctionLogs() follows a function once, while somebody watches", async () => {
  const { logs, watch, follows } = setUp();
  const stops = [watch(), watch()];
  await settle();
  expect(follows).toHaveLength(1);
  for (const stop of stops) stop();
  expect(follows[0]?.signal.aborted).toBe(true);
  await logs.close();
});

test("createFunctionLogs() tells what a connector repeats once, each by its source", async () => {
  const { logs, watch, told, follows } = setUp();
  const first = watch();
  await settle();
  const lines = [said("2026-01-01T00:00:00.000Z", "one"), said("2026-01-01T00:00:00.000Z", "two", "stderr")];
  for (const line of lines) follows[0]?.onLine(line);
  first();
  await settle();
  watch();
  await settle();
  for (const line of [...lines, said("2026-01-01T00:00:01.000Z", "ended", "connector")])
    follows[1]?.onLine(line);
  expect(told).toEqual(['Plugin output: "one"', 'Plugin stderr: "two"', 'ended: ""']);
  await logs.close();
});

test("createFunctionLogs() follows nothing for an installation that is a process", async () => {
  const { logs, watch, follows } = setUp("local");
  watch();
  await settle();
  expect(follows).toHaveLength(0);
  await logs.close();
});
