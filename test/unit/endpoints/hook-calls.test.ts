import { expect, test } from "bun:test";
import { describeError } from "../../../src/lib/describe-error.ts";
import { DaemonError } from "../../../src/protocol/daemon-error.ts";
import { createHookCalls, type HookCallsDeps } from "../../../src/service/hook-calls.ts";
import type { EndpointRow, InstallationRow } from "../../../src/store/store.ts";
import { rejection } from "../../support/rejection.ts";

const NOW = new Date(0);
const DETAILS = "Post http://10.0.0.1/inner/api: /var/lib/plugd: Traceback";
const endpoint: EndpointRow = {
  id: "e",
  hookId: "h",
  tenantId: "t",
  userId: "u",
  pluginId: "a/n",
  name: "n",
  enabled: true,
  settings: "{}",
  createdAt: NOW,
  updatedAt: NOW,
};
const installation: InstallationRow = {
  id: "i",
  tenantId: "t",
  pluginId: "a/n",
  identifier: `a/n:0.0.1@${"0".repeat(64)}`,
  runtimeType: "local",
  runtimeReason: "",
  source: "package",
  meta: {},
  endpointsSetups: 1,
  endpointsActive: 1,
  createdAt: NOW,
  updatedAt: NOW,
};

interface Failing {
  readonly find?: Error;
  readonly decrypt?: Error;
  readonly invoke?: Error;
}

/** How a call ends whose look-up, decryption or plugin fails. */
function ending(failing: Failing): Promise<unknown> {
  const deps: HookCallsDeps = {
    endpoints: {
      async byHook() {
        if (failing.find) throw failing.find;
        return endpoint;
      },
    },
    installations: { find: async () => installation },
    findDeclaration: async () => ({
      permitted: true,
      section: { settings: [], endpoints: [], fields: [] },
    }),
    secrets: {
      async decrypt(_, settings) {
        if (failing.decrypt) throw failing.decrypt;
        return settings;
      },
    },
    plugins: { invoke: () => Promise.reject(failing.invoke ?? new Error("Not asked for")) },
  };
  const call = { signal: new AbortController().signal, traceparent: "" };
  const hooks = createHookCalls(deps);
  const open = async () => hooks.open(await hooks.find("h"), Buffer.alloc(0), call);
  return rejection(open());
}

test.each([
  ["find", "internal", "internal server error"],
  ["decrypt", "internal", "failed to decrypt settings"],
  ["invoke", "unavailable", "no available node, the plugin does not run"],
] as const)(
  "createHookCalls() tells strangers no details of %s that fails, and the log all",
  async (what, code, message) => {
    const error = await ending({ [what]: new DaemonError(code, DETAILS) });
    expect(error).toMatchObject({ code, message });
    expect(describeError(error)).toContain(DETAILS);
  },
);

test("createHookCalls() leaves a failure that is no outage as it is", async () => {
  const refusal = new DaemonError("plugin_not_found", "plugin not found");
  expect(await ending({ invoke: refusal })).toBe(refusal);
});
