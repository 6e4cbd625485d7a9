import { expect, test } from "bun:test";
import { runCli } from "../../src/cli/cli.ts";
import { connectDebug, registration } from "../support/debug-client.ts";
import { startDebugDaemon } from "../support/debug-daemon.ts";
import { OTHER_TENANT } from "../support/daemon-api.ts";
import { until } from "../support/processes.ts";
import { testDeps, testIo } from "../unit/cli/test-io.ts";

async function plugd(argv: readonly string[]) {
  const io = testIo();
  const code = await runCli(argv, io, testDeps());
  return { code, out: io.stdout.text, err: io.stderr.text };
}

test("plugd debug key prints lines for a .env with which a plugin connects", async () => {
  await using daemon = await startDebugDaemon();
  const connection = ["--url", daemon.url, "--key", daemon.key, "--tenant", OTHER_TENANT];
  const { code, out, err } = await plugd(["debug", "key", ...connection]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const [, key = ""] =
    new RegExp(
      `^INSTALL_METHOD=remote\nREMOTE_INSTALL_URL=127\\.0\\.0\\.1:${daemon.debugPort}\nREMOTE_INSTALL_KEY=([0-9a-f-]{36})\n$`,
    ).exec(out) ?? [];
  await using client = await connectDebug(daemon.debugPort);
  client.send(...registration(key));
  await until("it is registered", async () => "tests/debugged" in (await daemon.listed(OTHER_TENANT)));
  const listed = await plugd(["list", ...connection]);
  expect(listed.out).toMatch(/^tests\/debugged +0\.0\.1 +remote \(a developer is connected\) +tools: act$/m);
  const json = await plugd(["debug", "key", "--json", ...connection]);
  expect(JSON.parse(json.out)).toEqual({ key, port: daemon.debugPort });
});

test("plugd debug key says that a daemon without debugging gives none", async () => {
  await using daemon = await startDebugDaemon({ env: { PLUGIN_REMOTE_INSTALLING_ENABLED: "false" } });
  const { code, out, err } = await plugd(["debug", "key", "--url", daemon.url, "--key", daemon.key]);
  expect({ code, out }).toEqual({ code: 1, out: "" });
  expect(err).toContain("debugging is off there");
});
