import { describe, expect, test } from "bun:test";
import { ConfigError, type ConfigProblem } from "../../src/config/config-error.ts";
import { parseConfig } from "../../src/config/parse-config.ts";

const COMPOSE_KEY = "lYkiYYT6owG+71oLerGzA7GXCgOT++6ovaezWAjpCjf+Sjc3ZtU+qUEi";
const GOOD_KEY = "a-long-random-key-of-our-own";

function problemsOf(env: Record<string, string | undefined>): readonly ConfigProblem[] {
  return errorOf(env).problems;
}

function errorOf(env: Record<string, string | undefined>): ConfigError {
  try {
    parseConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error("parseConfig() took what it should refuse");
}

describe("parseConfig() defaults", () => {
  test("need no variable at all", () => {
    const { config, ignored, warnings } = parseConfig({});
    expect(config.PLATFORM).toBe("local");
    expect(config.SERVER_PORT).toBe(5002);
    expect(config.PLUGIN_RUNTIME_MAX_BUFFER_SIZE).toBe(32 * 1024 * 1024);
    expect(config.FORCE_VERIFYING_SIGNATURE).toBe(true);
    expect(config.PLUGIN_ENV_PASSTHROUGH).toEqual([]);
    expect(config).not.toHaveProperty("SERVER_KEY");
    expect(config).not.toHaveProperty("PYTHON_INTERPRETER_PATH");
    expect(config).not.toHaveProperty("PLUGIN_WORKING_PATH");
    expect(ignored).toEqual([]);
    expect(warnings).toEqual([]);
  });

  test("apply to empty variables, of every type", () => {
    const empty = {
      SERVER_PORT: "",
      FORCE_VERIFYING_SIGNATURE: "",
      PLUGIN_ENV_PASSTHROUGH: "",
      SERVER_KEY: "",
    };
    expect(parseConfig(empty).config).toEqual(parseConfig({}).config);
  });

  test("listen on loopback until a key is given", () => {
    expect(parseConfig({}).config.SERVER_HOST).toBe("127.0.0.1");
    expect(parseConfig({ SERVER_KEY: "" }).config.SERVER_HOST).toBe("127.0.0.1");
    expect(parseConfig({ SERVER_KEY: GOOD_KEY }).config.SERVER_HOST).toBe("0.0.0.0");
    expect(parseConfig({ SERVER_KEY: GOOD_KEY, SERVER_HOST: "::1" }).config.SERVER_HOST).toBe("::1");
  });

  test("take the data folder from systemd, the first of several", () => {
    expect(parseConfig({}).config.PLUGD_DATA_DIR).toBe("./plugd-data");
    expect(parseConfig({ STATE_DIRECTORY: "/var/lib/a:/var/lib/b" }).config.PLUGD_DATA_DIR).toBe(
      "/var/lib/a",
    );
    expect(parseConfig({ STATE_DIRECTORY: "/a", PLUGD_DATA_DIR: "/mine" }).config.PLUGD_DATA_DIR).toBe(
      "/mine",
    );
  });
});

describe("parseConfig() values", () => {
  test("are frozen, lists included", () => {
    const { config } = parseConfig({ PLUGIN_ENV_PASSTHROUGH: "LANG,LC_*" });
    expect(config.PLUGIN_ENV_PASSTHROUGH).toEqual(["LANG", "LC_*"]);
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.PLUGIN_ENV_PASSTHROUGH)).toBe(true);
  });

  test("may be the result of no other variable: the environment is not changed", () => {
    const env = Object.freeze({ SERVER_PORT: "0x1f40", DB_TYPE: "mysql" });
    expect(parseConfig(env).config.SERVER_PORT).toBe(8000);
    expect(env).toEqual({ SERVER_PORT: "0x1f40", DB_TYPE: "mysql" });
  });

  test.each([
    "SERVER_PORT",
    "PLUGIN_MAX_EXECUTION_TIMEOUT",
    "MAX_PLUGIN_PACKAGE_SIZE",
    "PYTHON_ENV_INIT_TIMEOUT",
  ])("of 0 mean the default for %s", (name) => {
    expect(parseConfig({ [name]: "0" }).config).toEqual(parseConfig({}).config);
  });

  test("of 0 are meant for the memory floor and the silence limit", () => {
    const { config } = parseConfig({ PLUGIN_MEMORY_FLOOR: "0", PLUGD_SILENCE_TIMEOUT: "0" });
    expect(config.PLUGIN_MEMORY_FLOOR).toBe(0);
    expect(config.PLUGD_SILENCE_TIMEOUT).toBe(0);
  });

  test("of our times are seconds or durations", () => {
    expect(parseConfig({ PLUGD_DRAIN_TIMEOUT: "45" }).config.PLUGD_DRAIN_TIMEOUT).toBe(45);
    expect(parseConfig({ PLUGD_DRAIN_TIMEOUT: "1m30s" }).config.PLUGD_DRAIN_TIMEOUT).toBe(90);
    expect(parseConfig({ PLUGD_STALL_TIMEOUT: "500ms" }).config.PLUGD_STALL_TIMEOUT).toBe(0.5);
    expect(problemsOf({ PLUGD_DRAIN_TIMEOUT: "-1s" })).toHaveLength(1);
  });

  test.each([
    ["info", "INFO"],
    ["Warning", "WARN"],
    ["CRITICAL", "ERROR"],
    ["fatal", "ERROR"],
    ["notset", "DEBUG"],
    ["WARN", "WARN"],
  ] as const)("of LOG_LEVEL may be written %s", (text, level) => {
    expect(parseConfig({ LOG_LEVEL: text }).config.LOG_LEVEL).toBe(level);
  });

  test("of LOG_OUTPUT_FORMAT that are unknown mean text, and a warning says so", () => {
    expect(parseConfig({ LOG_OUTPUT_FORMAT: "json" })).toMatchObject({
      config: { LOG_OUTPUT_FORMAT: "json" },
      warnings: [],
    });
    const { config, warnings } = parseConfig({ LOG_OUTPUT_FORMAT: "jsno" });
    expect(config.LOG_OUTPUT_FORMAT).toBe("text");
    expect(warnings).toEqual([expect.stringContaining("LOG_OUTPUT_FORMAT")]);
  });

  test("of proxies fall back to the lower-case names", () => {
    const env = {
      http_proxy: "http://lower",
      HTTPS_PROXY: "http://upper",
      https_proxy: "http://lower",
      NO_PROXY: "",
    };
    const { config } = parseConfig({ ...env, no_proxy: "a,b" });
    expect(config.HTTP_PROXY).toBe("http://lower");
    expect(config.HTTPS_PROXY).toBe("http://upper");
    expect(config.NO_PROXY).toBe("a,b");
  });

  test("of times beyond what a timer can hold are lowered, with a warning", () => {
    const { config, warnings } = parseConfig({ PLUGIN_MAX_EXECUTION_TIMEOUT: "99999999" });
    expect(config.PLUGIN_MAX_EXECUTION_TIMEOUT * 1000).toBeLessThan(2 ** 31);
    expect(warnings).toEqual([expect.stringContaining("PLUGIN_MAX_EXECUTION_TIMEOUT is 99999999")]);
    expect(parseConfig({ PLUGD_BLOB_GRACE: "99999999" }).config.PLUGD_BLOB_GRACE).toBe(99_999_999);
  });

  test("below 1 of the serverless attempts mean 1", () => {
    expect(parseConfig({ MAX_SERVERLESS_RETRY_TIMES: "-3" }).config.MAX_SERVERLESS_RETRY_TIMES).toBe(1);
    expect(parseConfig({ MAX_SERVERLESS_RETRY_TIMES: "0" }).config.MAX_SERVERLESS_RETRY_TIMES).toBe(1);
  });
});

describe("parseConfig() line limit", () => {
  const MIB = 1024 * 1024;
  test.each([
    [{ PLUGIN_STDIO_MAX_BUFFER_SIZE: "5242880" }, 32 * MIB],
    [{ PLUGIN_STDIO_MAX_BUFFER_SIZE: "0" }, 32 * MIB],
    [{ PLUGIN_STDIO_MAX_BUFFER_SIZE: "1048576" }, MIB],
    [{ PLUGIN_RUNTIME_MAX_BUFFER_SIZE: "5242880" }, 5 * MIB],
    [{ PLUGIN_RUNTIME_MAX_BUFFER_SIZE: "2097152", PLUGIN_STDIO_MAX_BUFFER_SIZE: "5242880" }, 2 * MIB],
    [{ PLUGIN_RUNTIME_MAX_BUFFER_SIZE: "2097152", PLUGIN_STDIO_MAX_BUFFER_SIZE: "1048576" }, MIB],
  ])("with %j is %d bytes", (env, bytes) => {
    expect(parseConfig(env).config.PLUGIN_RUNTIME_MAX_BUFFER_SIZE).toBe(bytes);
  });
});

describe("parseConfig() problems", () => {
  test("are all reported at once, each with variable, value and what is allowed", () => {
    const error = errorOf({
      SERVER_PORT: "70000",
      FORCE_VERIFYING_SIGNATURE: "yes",
      LOG_LEVEL: "loud",
      PLATFORM: "Local",
      PLUGIN_ENV_PASSTHROUGH: "OK,*",
    });
    expect(error.problems).toEqual([
      { variable: "SERVER_PORT", value: "70000", allowed: "an integer from 0 to 65535" },
      { variable: "PLATFORM", value: "Local", allowed: '"local" or "serverless"' },
      {
        variable: "PLUGIN_ENV_PASSTHROUGH",
        value: "OK,*",
        allowed: expect.stringContaining("names of variables"),
      },
      { variable: "FORCE_VERIFYING_SIGNATURE", value: "yes", allowed: "true or false (or 1, 0, t, f)" },
      { variable: "LOG_LEVEL", value: "loud", allowed: "DEBUG, INFO, WARN or ERROR" },
    ]);
    expect(error.message.split("\n")).toHaveLength(6);
    expect(error.message).toStartWith("Cannot use 5 settings\n");
    expect(error.message).toContain('SERVER_PORT is "70000" but must be an integer from 0 to 65535');
  });

  test.each([
    ["SERVER_PORT", "-1"],
    ["SERVER_PORT", "80.5"],
    ["PLUGIN_MAX_EXECUTION_TIMEOUT", "-1"],
    ["PLUGIN_MAX_EXECUTION_TIMEOUT", "10m"],
    ["PLUGD_PLUGIN_BUFFER_BYTES", "0"],
    ["PLUGD_START_TIMEOUT", "0"],
    ["PLUGD_SQLITE_SYNCHRONOUS", "off"],
    ["DIFY_INNER_API_URL", "api:5001"],
    ["PLUGIN_ENV_PASSTHROUGH", "A-B"],
    ["SERVER_TZ", "Local"],
    ["SERVER_TZ", "Mars/Olympus"],
    ["SERVER_TZ", "+01:00"],
  ])("name %s=%s", (variable, value) => {
    expect(problemsOf({ [variable]: value })).toEqual([{ variable, value, allowed: expect.any(String) }]);
  });

  test.each(["UTC", "Europe/Berlin", "Asia/Shanghai", "Etc/GMT+3"])("do not name SERVER_TZ=%s", (zone) => {
    expect(parseConfig({ SERVER_TZ: zone }).config.SERVER_TZ).toBe(zone);
  });

  test.each(["s3", "aws_s3", "azure-blob", "aliyun_oss", "gcs", "baidu_bos", "floppy"])(
    "say that storage on %s is not to be had",
    (type) => {
      const [problem] = problemsOf({ PLUGIN_STORAGE_TYPE: type });
      expect(problem).toMatchObject({ variable: "PLUGIN_STORAGE_TYPE", value: type });
      expect(problem?.allowed).toContain("stores on local disk");
    },
  );

  test("do not name the older word for local storage", () => {
    expect(parseConfig({ PLUGIN_STORAGE_TYPE: "local_file" }).config.PLUGIN_STORAGE_TYPE).toBe("local");
  });

  test("never show a secret, not even within a URL", () => {
    const error = errorOf({
      ADMIN_API_ENABLED: "true",
      ADMIN_API_KEY: "hunter2",
      DIFY_INNER_API_URL: "ftp://user:hunter2@api",
    });
    expect(error.problems).toHaveLength(2);
    expect(error.problems.find((problem) => problem.variable === "ADMIN_API_KEY")).not.toHaveProperty(
      "value",
    );
    expect(`${error.message}${JSON.stringify(error.problems)}`).not.toContain("hunter2");
  });

  test("quote line ends and cut what is long", () => {
    const { message } = errorOf({ LOG_LEVEL: `a\nb${"x".repeat(5000)}` });
    expect(message.split("\n")).toHaveLength(2);
    expect(message.length).toBeLessThan(300);
  });
});

describe("parseConfig() cross-checks", () => {
  test("want an admin key of 10 characters when the admin API is on", () => {
    const problem = { variable: "ADMIN_API_KEY", allowed: expect.stringContaining("10 characters") };
    expect(problemsOf({ ADMIN_API_ENABLED: "true" })).toEqual([problem]);
    expect(problemsOf({ ADMIN_API_ENABLED: "true", ADMIN_API_KEY: "123456789" })).toEqual([problem]);
    expect(
      parseConfig({ ADMIN_API_ENABLED: "true", ADMIN_API_KEY: "1234567890" }).config.ADMIN_API_ENABLED,
    ).toBe(true);
    expect(parseConfig({ ADMIN_API_KEY: "short" }).config.ADMIN_API_KEY).toBe("short");
  });

  test("want the connector when the platform is serverless, and only then", () => {
    expect(problemsOf({ PLATFORM: "serverless" }).map((problem) => problem.variable)).toEqual([
      "DIFY_PLUGIN_SERVERLESS_CONNECTOR_URL",
      "DIFY_PLUGIN_SERVERLESS_CONNECTOR_API_KEY",
    ]);
    const connector = {
      DIFY_PLUGIN_SERVERLESS_CONNECTOR_URL: "http://connector:5004",
      DIFY_PLUGIN_SERVERLESS_CONNECTOR_API_KEY: "k",
    };
    expect(parseConfig({ PLATFORM: "serverless", ...connector }).config.PLATFORM).toBe("serverless");
    expect(parseConfig({ DIFY_PLUGIN_SERVERLESS_CONNECTOR_URL: "placeholder" }).config.PLATFORM).toBe(
      "local",
    );
  });

  test("are reported together with values that are wrong by themselves", () => {
    expect(
      problemsOf({ SERVER_PORT: "x", ADMIN_API_ENABLED: "1" }).map((problem) => problem.variable),
    ).toEqual(["SERVER_PORT", "ADMIN_API_KEY"]);
  });
});

describe("parseConfig() warnings", () => {
  test("tell that a key is public, without printing it", () => {
    const { warnings } = parseConfig({ SERVER_KEY: COMPOSE_KEY });
    expect(warnings).toEqual([expect.stringContaining("public compose files")]);
    expect(warnings.join()).not.toContain(COMPOSE_KEY);
    expect(parseConfig({ SERVER_KEY: GOOD_KEY }).warnings).toEqual([]);
  });

  test("tell that a key is short", () => {
    expect(parseConfig({ SERVER_KEY: "secret" }).warnings).toEqual([
      expect.stringContaining("shorter than 16"),
    ]);
  });

  test("tell of a misspelled setting of ours", () => {
    expect(parseConfig({ PLUGD_DRAIN_TIMOUT: "1" }).warnings).toEqual([
      expect.stringContaining("PLUGD_DRAIN_TIMOUT is no setting"),
    ]);
  });

  test("tell of third-party signatures without a key file", () => {
    const env = { THIRD_PARTY_SIGNATURE_VERIFICATION_ENABLED: "true" };
    expect(parseConfig(env).warnings).toHaveLength(1);
    expect(
      parseConfig({ ...env, THIRD_PARTY_SIGNATURE_VERIFICATION_PUBLIC_KEYS: "/k.pem" }).warnings,
    ).toEqual([]);
  });

  test("tell that installations are recorded apart from the packages", () => {
    const env = { PLUGIN_STORAGE_LOCAL_ROOT: "/app/storage" };
    expect(parseConfig(env).warnings).toEqual([expect.stringContaining("PLUGD_DATA_DIR")]);
    expect(parseConfig({ ...env, PLUGD_DATA_DIR: "/app/storage/plugd" }).warnings).toEqual([]);
  });
});

describe("parseConfig() ignored variables", () => {
  test("are named when they are set, whatever is in them", () => {
    const { ignored, config } = parseConfig({
      DB_TYPE: "no such",
      REDIS_PORT: "x",
      S3_USE_AWS: "maybe",
      DB_HOST: "",
    });
    expect(ignored).toEqual(["DB_TYPE", "REDIS_PORT", "S3_USE_AWS"]);
    expect(config).not.toHaveProperty("DB_TYPE");
  });

  test("do not keep the environment of a stock deployment from starting", () => {
    const { config, ignored } = parseConfig({
      SERVER_PORT: "5002",
      SERVER_KEY: COMPOSE_KEY,
      DB_TYPE: "postgresql",
      DB_DATABASE: "dify_plugin",
      DB_SSL_MODE: "disable",
      DIFY_INNER_API_URL: "http://api:5001",
      PLUGIN_REMOTE_INSTALLING_HOST: "0.0.0.0",
      PLUGIN_REMOTE_INSTALLING_PORT: "5003",
      PLUGIN_WORKING_PATH: "/app/storage/cwd",
      PLUGIN_STORAGE_LOCAL_ROOT: "/app/storage",
      PYTHON_ENV_INIT_TIMEOUT: "120",
      PLUGIN_MAX_EXECUTION_TIMEOUT: "600",
      PLUGIN_STDIO_BUFFER_SIZE: "1024",
      PLUGIN_STDIO_MAX_BUFFER_SIZE: "5242880",
      MAX_PLUGIN_PACKAGE_SIZE: "52428800",
      FORCE_VERIFYING_SIGNATURE: "true",
      S3_USE_AWS: "false",
      LOG_LEVEL: "WARNING",
      LOG_OUTPUT_FORMAT: "text",
      LOG_FILE: "/app/logs/server.log",
      REDIS_SSL_CERT_REQS: "CERT_NONE",
      REDIS_SENTINEL_SOCKET_TIMEOUT: "0.1",
      OTEL_EXPORTER_OTLP_PROTOCOL: "",
      SENTRY_ENABLED: "false",
      SENTRY_DSN: "",
      SECRET_KEY: "the API's own",
    });
    expect(config.PLUGIN_REMOTE_INSTALLING_PORT).toBe(5003);
    expect(config.PLUGIN_RUNTIME_MAX_BUFFER_SIZE).toBe(33_554_432);
    expect(config.LOG_LEVEL).toBe("WARN");
    expect(ignored.toSorted()).toEqual([
      "DB_DATABASE",
      "DB_SSL_MODE",
      "DB_TYPE",
      "PLUGIN_STDIO_BUFFER_SIZE",
      "REDIS_SENTINEL_SOCKET_TIMEOUT",
      "REDIS_SSL_CERT_REQS",
      "S3_USE_AWS",
      "SENTRY_ENABLED",
    ]);
  });
});

describe("parseConfig() of OpenTelemetry", () => {
  test("is off, with the reference's defaults", () => {
    const { config, ignored } = parseConfig({});
    expect(config).toMatchObject({
      ENABLE_OTEL: false,
      OTLP_BASE_ENDPOINT: "http://localhost:4318",
      OTEL_SAMPLING_RATE: 1,
      OTEL_BATCH_EXPORT_SCHEDULE_DELAY: 5000,
      OTEL_BATCH_EXPORT_TIMEOUT: 10_000,
      OTEL_MAX_QUEUE_SIZE: 2048,
      OTEL_MAX_EXPORT_BATCH_SIZE: 512,
      OTEL_METRIC_EXPORT_INTERVAL: 60_000,
      OTEL_METRIC_EXPORT_TIMEOUT: 30_000,
    });
    expect(config.OTLP_TRACE_ENDPOINT).toBeUndefined();
    expect(ignored).toEqual([]);
  });

  test.each([
    ["0", 0],
    ["0.1", 0.1],
    ["1.5", 1],
    ["-1", 1],
  ])("takes a sampling rate of %s for %d", (text, rate) => {
    expect(parseConfig({ OTEL_SAMPLING_RATE: text }).config.OTEL_SAMPLING_RATE).toBe(rate);
  });

  test("reports what cannot be used, and never the key", () => {
    expect(() =>
      parseConfig({
        OTLP_BASE_ENDPOINT: "localhost:4318",
        OTEL_SAMPLING_RATE: "all",
        OTEL_API_KEY: "s3cret",
      }),
    ).toThrow(/OTLP_BASE_ENDPOINT[^]*OTEL_SAMPLING_RATE/);
    expect(() => parseConfig({ OTLP_BASE_ENDPOINT: "x", OTEL_API_KEY: "s3cret" })).not.toThrow(/s3cret/);
  });
});
