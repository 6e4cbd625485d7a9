import { expect, test } from "bun:test";
import { spawnTestDaemon } from "../support/daemon.ts";
import { TENANT, toolBody } from "../support/daemon-api.ts";
import { openRawCall } from "../support/raw-call.ts";
import { startStandInConnector } from "../support/stand-in-connector.ts";
import { startTestFunction, tool } from "../support/test-function.ts";

/* Many calls of one function at once; the daemon is a process of its own, for `fetch` shares its limit within one. */

const CALLS = 500;

test("500 calls of one function at once are all served, and wait for their turn where a host takes fewer", async () => {
  await using fn = startTestFunction();
  let now = 0;
  let most = 0;
  const all = Promise.withResolvers<void>();
  fn.answer = async (call) => {
    now++;
    most = Math.max(most, now);
    if (now === 400) all.resolve();
    // Not before as many are there as may be.
    await all.promise;
    now--;
    return tool("one of many")(call);
  };
  await using connector = startStandInConnector({ launch: () => fn.url });
  await using daemon = await spawnTestDaemon({
    env: { ...connector.env, PLUGD_RUNTIME: "serverless", PLUGD_SERVERLESS_MAX_PER_HOST: "400" },
  });
  const { pluginId } = await daemon.api.install({ name: "many" });
  const body = toolBody({ mode: "x" });
  const request =
    `POST /plugin/${TENANT}/dispatch/tool/invoke HTTP/1.1\r\nhost: localhost\r\nx-api-key: ${daemon.key}\r\n` +
    `x-plugin-id: ${pluginId}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const calls = await Promise.all(
    Array.from({ length: CALLS }, () => openRawCall({ port: daemon.port, request })),
  );
  await Promise.all(calls.map(({ closed }) => closed));
  const failed = calls.filter((call) => !call.text().includes("one of many"));
  expect(failed.map((call) => call.text())).toEqual([]);
  expect(most).toBe(400);
  expect((await daemon.api.health()).busy).toBe(0);
}, 60_000);
