import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Connection, type ConnectionFlags, resolveConnection } from "../../src/cli/connection.ts";
import type { CliIo } from "../../src/cli/cli-io.ts";
import { testIo } from "../unit/cli/test-io.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "plugd-connection-"));
  await Bun.write(join(folder, "data/daemon.json"), '{"url":"http://127.0.0.1:6002","pid":1}');
  await Bun.write(join(folder, "data/server.key"), "file-key\n");
  await Bun.write(join(folder, "broken/daemon.json"), '{"url":');
  await mkdir(join(folder, "empty"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function resolved(flags: ConnectionFlags, env: CliIo["env"] = {}): Connection {
  return resolveConnection(flags, testIo({ env, cwd: folder }));
}

test("resolveConnection() finds a daemon without settings where it would listen", () => {
  expect(resolved({})).toEqual({
    url: "http://127.0.0.1:5002",
    key: undefined,
    keySource: "nowhere",
    tenantId: "00000000-0000-0000-0000-000000000000",
  });
});

test("resolveConnection() prefers flags, then variables, then the data folder", () => {
  const env = { PLUGD_DATA_DIR: "data", SERVER_HOST: "10.0.0.7", SERVER_PORT: "7002", SERVER_KEY: "env-key" };
  expect(resolved({ url: "http://x:1/", key: "k", tenant: "t" }, env)).toMatchObject({
    url: "http://x:1",
    key: "k",
    tenantId: "t",
  });
  expect(resolved({}, { ...env, PLUGD_URL: "https://y/prefix/" })).toMatchObject({
    url: "https://y/prefix",
    key: "env-key",
    keySource: "SERVER_KEY",
  });
  expect(resolved({}, env)).toMatchObject({ url: "http://10.0.0.7:7002", key: "env-key" });
  expect(resolved({}, { PLUGD_DATA_DIR: "data" })).toMatchObject({
    url: "http://127.0.0.1:6002",
    key: "file-key",
    keySource: `"${join(folder, "data/server.key")}"`,
  });
});

test("resolveConnection() lets --data-dir win over variables", () => {
  const env = { SERVER_PORT: "7002", SERVER_KEY: "env-key" };
  expect(resolved({ dataDir: "data" }, env)).toMatchObject({ url: "http://127.0.0.1:6002", key: "file-key" });
  expect(resolved({ dataDir: "empty" }, env)).toMatchObject({ url: "http://127.0.0.1:7002", key: "env-key" });
});

test("resolveConnection() takes systemd's state folder for the data folder", () => {
  const state = `${join(folder, "data")}:${join(folder, "empty")}`;
  expect(resolved({}, { STATE_DIRECTORY: state })).toMatchObject({ url: "http://127.0.0.1:6002" });
});

test("resolveConnection() keeps the folder's key from a daemon elsewhere", () => {
  expect(resolved({ url: "http://example.org:5002", dataDir: "data" }).key).toBeUndefined();
  expect(resolved({ url: "http://127.evil.example:5002", dataDir: "data" }).key).toBeUndefined();
  expect(resolved({ url: "http://localhost:9", dataDir: "data" }).key).toBe("file-key");
});

test.each([
  [{ SERVER_HOST: "0.0.0.0" }, "http://127.0.0.1:5002"],
  [{ SERVER_HOST: "::" }, "http://[::1]:5002"],
  [{ SERVER_HOST: "fd00::1", SERVER_PORT: "1" }, "http://[fd00::1]:1"],
  [{ PLUGD_URL: "http://0.0.0.0:9" }, "http://127.0.0.1:9"],
  [{ PLUGD_URL: "http://[::]:9" }, "http://[::1]:9"],
])("resolveConnection(%p) reaches %p", (env, url) => {
  expect(resolved({}, env).url).toBe(url);
});

test("resolveConnection() ignores a half-written daemon.json", () => {
  expect(resolved({ dataDir: "broken" }).url).toBe("http://127.0.0.1:5002");
});

test.skipIf(process.getuid?.() === 0)("resolveConnection() says that it may not read the key", async () => {
  await chmod(join(folder, "data/server.key"), 0o000);
  expect(() => resolved({ dataDir: "data" })).toThrow("permission denied");
});
