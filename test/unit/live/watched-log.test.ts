import { expect, test } from "bun:test";
import type { LogAttributes, Logger } from "../../../src/lib/logger.ts";
import type { NewLiveEvent } from "../../../src/service/live-event.ts";
import { watchedLog } from "../../../src/service/watched-log.ts";

function setUp() {
  const lines: unknown[] = [];
  const published: NewLiveEvent[] = [];
  const under = (more: LogAttributes): Logger => {
    const line =
      (level: string) =>
      (message: string, attributes: LogAttributes = {}) =>
        void lines.push([level, message, { ...more, ...attributes }]);
    return {
      debug: line("debug"),
      info: line("info"),
      warn: line("warn"),
      error: line("error"),
      with: (attributes) => under({ ...more, ...attributes }),
    };
  };
  const log = watchedLog(under({}), {
    plugin: { pluginId: "a/b" },
    events: { publish: (event) => void published.push(event) },
  });
  return { log, lines, published };
}

test("watchedLog() makes events of a plugin's lines by their kind, and of everything else its life", () => {
  const { log, lines, published } = setUp();
  log.warn("Plugin log", { plugin: "a/b:1", message: "hot" });
  log.debug("Plugin output", { plugin: "a/b:1", text: "print" });
  log.warn("Plugin stderr", { plugin: "a/b:1", line: "Traceback" });
  log.info("Plugin ready", { pid: 7, error: new Error("no"), nested: { not: "shown" } });
  expect(published.map(({ type, data }) => [type, data])).toEqual([
    ["log", { level: "warn", text: "hot" }],
    ["output", { text: "print" }],
    ["stderr", { text: "Traceback" }],
    ["lifecycle", { level: "info", message: "Plugin ready", pid: 7, error: "no" }],
  ]);
  expect(lines).toHaveLength(4);
  expect(lines[0]).toEqual(["warn", "Plugin log", { plugin: "a/b:1", message: "hot" }]);
});

test("watchedLog() with more attributes still tells, and shows the beginning of an endless line", () => {
  const { log, lines, published } = setUp();
  log.with({ tenant_id: "t" }).error("Plugin output", { text: "x".repeat(100_000) });
  expect(lines[0]).toMatchObject(["error", "Plugin output", { tenant_id: "t" }]);
  const text = String(published[0]?.data["text"]);
  expect([text.length < 10_000, text.endsWith("… (100000 characters)")]).toEqual([true, true]);
});
