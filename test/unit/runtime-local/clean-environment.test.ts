import { describe, expect, test } from "bun:test";
import { pluginEnvironment, toolEnvironment } from "../../../src/runtime/local/clean-environment.ts";

const NO_PROXIES = { http: undefined, https: undefined, no: undefined };
const HOST = {
  PATH: "/usr/bin",
  HOME: "/root",
  LC_ALL: "C.UTF-8",
  HF_HOME: "/hf",
  TIKTOKEN_CACHE_DIR: "/tk",
  https_proxy: "http://low",
  SSL_CERT_FILE: "/ca.pem",
  UV_INDEX_NEXUS_PASSWORD: "nexus",
  SERVER_KEY: "k",
  DIFY_INNER_API_KEY: "k",
  DB_PASSWORD: "k",
  DB_HOST: "k",
  REDIS_PASSWORD: "k",
  AWS_ACCESS_KEY: "k",
  MY_NAME: "me",
  MY_TOKEN: "t",
  MY_SECRET: "s",
  MY_SECRET_NAME: "s",
  BUN_OPTIONS: "--preload=/evil.ts",
  PYTHONPATH: "/evil",
  VIRTUAL_ENV: "/venv",
  EMPTY: undefined,
};

function plugin(...passthrough: string[]) {
  return pluginEnvironment(HOST, { proxies: NO_PROXIES, passthrough });
}

describe("pluginEnvironment()", () => {
  test("has the allow-list and INSTALL_METHOD, nothing else", () => {
    expect(plugin()).toEqual({
      PATH: "/usr/bin",
      HOME: "/root",
      LC_ALL: "C.UTF-8",
      HF_HOME: "/hf",
      TIKTOKEN_CACHE_DIR: "/tk",
      https_proxy: "http://low",
      SSL_CERT_FILE: "/ca.pem",
      INSTALL_METHOD: "local",
    });
  });

  test("adds names and prefixes that operators name", () => {
    expect(plugin("MY_NAME")).toMatchObject({ MY_NAME: "me" });
    expect(plugin(" MY_* ")).toMatchObject({ MY_NAME: "me" });
    expect(plugin("EMPTY", "MISSING")).toEqual(plugin());
  });

  test("never hands on the daemon's own secrets, neither by name nor by prefix", () => {
    const own = [
      "SERVER_KEY",
      "DIFY_INNER_API_KEY",
      "DB_PASSWORD",
      "DB_HOST",
      "REDIS_PASSWORD",
      "AWS_ACCESS_KEY",
      "MY_SECRET",
    ];
    expect(plugin(...own)).toEqual(plugin());
    expect(plugin("SERVER_*", "DIFY_*", "DB_*", "REDIS_*", "AWS_*", "UV_*")).toEqual(plugin());
  });

  test("hands on what looks like a secret when it is named in full only", () => {
    expect(plugin("MY_*")).not.toHaveProperty("MY_TOKEN");
    expect(plugin("MY_TOKEN")).toMatchObject({ MY_TOKEN: "t" });
    expect(plugin("MY_*", "MY_TOKEN")).toMatchObject({ MY_TOKEN: "t" });
    expect(plugin("MY_SECRET", "MY_SECRET_NAME")).toEqual(plugin());
  });

  test("does not take a lone star for everything", () => {
    expect(plugin("*")).toEqual(plugin());
  });

  test("cannot be told another INSTALL_METHOD", () => {
    const env = pluginEnvironment(
      { INSTALL_METHOD: "remote" },
      { proxies: NO_PROXIES, passthrough: ["INSTALL_METHOD"] },
    );
    expect(env).toEqual({ INSTALL_METHOD: "local" });
  });

  test("has the proxies of the settings", () => {
    const proxies = { http: "http://p", https: "", no: "localhost" };
    expect(pluginEnvironment({ HTTP_PROXY: "http://other" }, { proxies, passthrough: [] })).toEqual({
      HTTP_PROXY: "http://p",
      NO_PROXY: "localhost",
      INSTALL_METHOD: "local",
    });
  });
});

test("toolEnvironment() has what an index needs, and no key of the daemon", () => {
  const env = toolEnvironment(HOST, NO_PROXIES);
  expect(env).toMatchObject({ UV_INDEX_NEXUS_PASSWORD: "nexus", HOME: "/root", SSL_CERT_FILE: "/ca.pem" });
  for (const name of ["SERVER_KEY", "DB_PASSWORD", "PYTHONPATH", "VIRTUAL_ENV", "BUN_OPTIONS", "HF_HOME"])
    expect(env).not.toHaveProperty(name);
});
