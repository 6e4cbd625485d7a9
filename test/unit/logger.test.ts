import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createLogger, type LoggerOptions } from "../../src/lib/create-logger.ts";
import type { Logger } from "../../src/lib/logger.ts";

const NOON = new Date("2026-01-02T12:03:04.056Z");
const zone = process.env["TZ"];

beforeAll(() => {
  process.env["TZ"] = "UTC";
});
afterAll(() => {
  process.env["TZ"] = zone ?? "UTC";
});

function capture(options: Partial<LoggerOptions> = {}): {
  readonly logger: Logger;
  readonly lines: string[];
} {
  const lines: string[] = [];
  const logger = createLogger({
    level: "DEBUG",
    format: "text",
    write: (line) => void lines.push(line),
    now: () => NOON,
    ...options,
  });
  return { logger, lines };
}

function entryOf(run: (logger: Logger) => void): Record<string, unknown> {
  const { logger, lines } = capture({ format: "json" });
  run(logger);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toEndWith("}\n");
  return JSON.parse(lines[0] ?? "");
}

describe("createLogger() levels", () => {
  test.each([
    ["DEBUG", 4],
    ["INFO", 3],
    ["WARN", 2],
    ["ERROR", 1],
  ] as const)("at %s let %d of four through", (level, count) => {
    const { logger, lines } = capture({ level });
    logger.debug("a");
    logger.info("b");
    logger.warn("c");
    logger.error("d");
    expect(lines).toHaveLength(count);
  });
});

describe("createLogger() in text", () => {
  test("writes time, severity, service, message and attributes", () => {
    const { logger, lines } = capture();
    logger.info("HTTP request", {
      method: "GET",
      status: 200,
      path: "/health/check",
      ok: true,
      gone: undefined,
    });
    expect(lines).toEqual([
      "2026-01-02T12:03:04.056Z INFO plugd HTTP request method=GET status=200 path=/health/check ok=true\n",
    ]);
  });

  test("puts trace, tenant and user before the message", () => {
    const { logger, lines } = capture();
    logger.with({ user_id: "u", tenant_id: "t", trace_id: "abc", span_id: "s" }).warn("Slow", { ms: 5 });
    expect(lines[0]).toBe(
      "2026-01-02T12:03:04.056Z WARN plugd trace_id=abc tenant_id=t user_id=u Slow ms=5\n",
    );
  });

  test("quotes values with spaces, line ends, quotes, and empty ones", () => {
    const { logger, lines } = capture();
    logger.info("m", {
      a: "x y",
      b: "1\n2",
      c: 'say "hi"',
      d: "",
      e: { f: 1 },
      g: "a=b",
      h: "\u001b[31m\u009b",
    });
    expect(lines[0]).toEndWith(
      String.raw` m a="x y" b="1\n2" c="say \"hi\"" d="" e="{\"f\":1}" g="a=b" h="\u001b[31m\u009b"` + "\n",
    );
  });

  test("lets no message look like a line of its own", () => {
    const { logger, lines } = capture();
    logger.info("fine\n2026-01-02T12:03:04.056Z ERROR plugd forged");
    expect(lines[0]?.split("\n")).toHaveLength(2);
  });

  test("adds the stacks of an error and its causes at level ERROR, below the line", () => {
    const { logger, lines } = capture();
    const error = new Error("Cannot install", { cause: new TypeError("no such folder") });
    logger.error("Install failed", { error, task: "t1" });
    const [first, ...stack] = (lines[0] ?? "").split("\n");
    expect(first).toBe(
      '2026-01-02T12:03:04.056Z ERROR plugd Install failed error="Cannot install: no such folder" task=t1',
    );
    expect(stack[0]).toBe("Error: Cannot install");
    expect(stack.join("\n")).toContain("Caused by: TypeError: no such folder");
    expect(stack.join("\n")).toContain("logger.test.ts");
  });

  test("writes errors below ERROR in one line", () => {
    const { logger, lines } = capture();
    logger.warn("Again", { error: new Error("x") });
    expect(lines).toEqual(["2026-01-02T12:03:04.056Z WARN plugd Again error=x\n"]);
  });
});

describe("createLogger() in JSON", () => {
  test("writes one object with attributes below their own key", () => {
    expect(entryOf((logger) => logger.info("HTTP request", { status: 200, path: "/x" }))).toEqual({
      ts: "2026-01-02T12:03:04.056Z",
      severity: "INFO",
      service: "plugd",
      message: "HTTP request",
      attributes: { status: 200, path: "/x" },
    });
  });

  test("gives trace and identity their places, and has no empty ones", () => {
    const bound = { trace_id: "a", span_id: "b", tenant_id: "t", user_id: "u", user_type: "end_user" };
    expect(entryOf((logger) => logger.with(bound).debug("m"))).toEqual({
      ts: "2026-01-02T12:03:04.056Z",
      severity: "DEBUG",
      service: "plugd",
      message: "m",
      trace_id: "a",
      span_id: "b",
      identity: { tenant_id: "t", user_id: "u", user_type: "end_user" },
    });
  });

  test("has stack_trace for an error at level ERROR only", () => {
    const error = new Error("boom");
    expect(entryOf((logger) => logger.error("m", { error }))).toMatchObject({
      attributes: { error: "boom" },
      stack_trace: expect.stringContaining("Error: boom"),
    });
    expect(entryOf((logger) => logger.warn("m", { error }))).not.toHaveProperty("stack_trace");
  });

  test("ends when the causes of an error are a circle", () => {
    const error = new Error("round");
    error.cause = error;
    expect(entryOf((logger) => logger.error("m", { error }))).toMatchObject({
      attributes: { error: "round" },
    });
  });
});

describe("createLogger() secrets", () => {
  test("never reach a line", () => {
    for (const format of ["text", "json"] as const) {
      const { logger, lines } = capture({ format });
      const error = new Error("Cannot reach http://u:hunter2@host/", {
        cause: new Error("GET /x?token=hunter2 failed"),
      });
      logger.with({ server_key: "hunter2" }).error("proxy is http://me:hunter2@proxy:3128", {
        headers: { "X-Api-Key": "hunter2" },
        config: { nested: [{ password: "hunter2" }] },
        path: "/e/hook?api_key=hunter2",
        tenant_id: "http://a:hunter2@b/",
        error,
      });
      expect(lines.join("")).not.toContain("hunter2");
      expect(lines.join("")).toContain("[redacted]");
    }
  });
});

describe("createLogger() failures", () => {
  test("never throws, and tells how much was lost once it works again", () => {
    const lines: string[] = [];
    let full = true;
    const { logger } = capture({
      write(line) {
        if (full) throw new Error("ENOSPC");
        lines.push(line);
      },
    });
    logger.info("a");
    logger.with({ x: 1 }).info("b");
    full = false;
    logger.info("c");
    logger.info("d");
    expect(lines.map((line) => line.slice("2026-01-02T12:03:04.056Z ".length))).toEqual([
      "WARN plugd Log records were lost lost=2\n",
      "INFO plugd c\n",
      "INFO plugd d\n",
    ]);
  });

  test("survives an attribute that cannot be read", () => {
    const { logger, lines } = capture();
    const hostile = {
      get broken(): string {
        throw new Error("no");
      },
    };
    logger.info("m", { hostile });
    logger.info("next");
    expect(lines.at(-1)).toEndWith("plugd next\n");
  });
});

test("createLogger() writes the offset of the local zone", () => {
  process.env["TZ"] = "Asia/Kolkata";
  const { logger, lines } = capture();
  logger.info("m");
  process.env["TZ"] = "UTC";
  expect(lines[0]).toStartWith("2026-01-02T17:33:04.056+05:30 ");
});
