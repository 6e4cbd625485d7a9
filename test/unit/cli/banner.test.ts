import { expect, test } from "bun:test";
import { banner, bannerAttributes } from "../../../src/cli/banner.ts";
import { redact } from "../../../src/lib/redact.ts";
import type { StartFacts } from "../../../src/cli/cli-deps.ts";
import { styleFor } from "../../../src/cli/cli-io.ts";
import { testOutput } from "./test-io.ts";

const facts: StartFacts = {
  version: "1.2.3",
  url: "http://127.0.0.1:5002",
  debugAddress: "127.0.0.1:5003",
  dataDir: "/var/lib/plugd",
  key: { kind: "file", path: "/var/lib/plugd/server.key", created: true },
  interpreters: [
    { version: "3.13.0", path: "/usr/bin/python3.13" },
    { version: "3.12.1", path: "/usr/bin/python3.12" },
  ],
  uv: { version: "0.9.1", path: "/usr/bin/uv" },
  memoryLimit: "cgroup v2",
  ignoredSettings: ["DB_HOST", "REDIS_HOST"],
  warnings: ["SERVER_KEY is published in a compose file"],
  readyMs: 41.6,
};
const show = (changed: Partial<StartFacts> = {}) =>
  banner({ ...facts, ...changed }, { style: styleFor(testOutput(), {}), program: "plugd" });

test("banner() tells where things are, what was found and what to type", () => {
  expect(show()).toBe(`plugd 1.2.3 is ready at http://127.0.0.1:5002 (42 ms)

  key        made and stored in /var/lib/plugd/server.key
  data       /var/lib/plugd
  debugging  127.0.0.1:5003
  python     3.13.0, 3.12.1
  uv         0.9.1 (/usr/bin/uv)
  memory     cgroup v2
  ignored    DB_HOST, REDIS_HOST (no effect here)
  Warning: SERVER_KEY is published in a compose file

Next: plugd install FILE.difypkg in another terminal; Ctrl-C stops the daemon
`);
});

test("banner() says what is missing and leaves out what does not matter", () => {
  const text = show({
    debugAddress: null,
    key: { kind: "setting" },
    interpreters: [],
    uv: null,
    ignoredSettings: [],
    warnings: [],
  });
  expect(text).toContain("key        from SERVER_KEY");
  expect(text).toContain("python     none found");
  expect(text).toContain("uv         none");
  expect(text).not.toContain("debugging");
  expect(text).not.toContain("ignored");
  expect(text).not.toContain("Warning");
});

test("bannerAttributes() is one flat line for a log, of which nothing is masked", () => {
  expect(redact(bannerAttributes(facts))).toEqual(bannerAttributes(facts));
  expect(bannerAttributes(facts)).toEqual({
    version: "1.2.3",
    url: "http://127.0.0.1:5002",
    authentication: "key made and stored in /var/lib/plugd/server.key",
    data_dir: "/var/lib/plugd",
    debug_address: "127.0.0.1:5003",
    python: "3.13.0, 3.12.1",
    uv: "0.9.1",
    memory_limit: "cgroup v2",
    ignored_settings: "DB_HOST, REDIS_HOST",
    ready_ms: 41.6,
  });
});
