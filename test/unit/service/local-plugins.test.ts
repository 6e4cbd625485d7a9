import { describe, expect, test } from "bun:test";
import type { Logger } from "../../../src/lib/logger.ts";
import { createSdkCodec } from "../../../src/protocol/sdk/codec.ts";
import { createLocalPlugins, type LocalPluginsDeps } from "../../../src/service/local-plugins.ts";
import { createMetrics, exposeMetrics } from "../../../src/service/metrics.ts";
import type { DeclarationRow } from "../../../src/store/store.ts";
import { createFakeProcess, FAKE_BEAT, type FakeProcess } from "../../support/fake-process.ts";
import { until } from "../../support/processes.ts";
import { rejection } from "../../support/rejection.ts";
import { DECLARATION } from "../runtime-local/declaration.ts";

const never = new AbortController().signal;
const identifierOf = (version: string, name = "b") => `a/${name}:${version}@${"0".repeat(64)}`;
const [ONE, TWO] = [identifierOf("0.0.1"), identifierOf("0.0.2")];

function row(identifier: string): DeclarationRow {
  return {
    identifier,
    pluginId: identifier.slice(0, identifier.indexOf(":")),
    category: "extension",
    declaration: DECLARATION,
    verification: null,
    packageBytes: 1,
    assetIds: [],
    createdAt: new Date(0),
  };
}

function setUp(options: { known?: readonly string[]; onStart?: (fake: FakeProcess) => void } = {}) {
  const { known = [ONE, TWO], onStart = (fake) => fake.out(FAKE_BEAT) } = options;
  const processes: FakeProcess[] = [];
  const errors: string[] = [];
  const log: Logger = {
    debug() {},
    info() {},
    warn() {},
    error: (message) => void errors.push(message),
    with: () => log,
  };
  const metrics = createMetrics();
  const deps: LocalPluginsDeps = {
    findDeclaration: async (identifier) => (known.includes(identifier) ? row(identifier) : undefined),
    loadPackage: async () => [],
    provisioner: {
      prepare: async () => ({ argv: ["/bin/true"], cwd: "/", env: {} }),
      discard: async () => undefined,
    },
    starter: {
      async start() {
        const fake = createFakeProcess({ pid: processes.length + 1 });
        processes.push(fake);
        queueMicrotask(() => onStart(fake));
        return fake.process;
      },
    },
    createCodec: createSdkCodec,
    settings: {
      maxLineBytes: 10_000,
      budgetBytes: 10_000,
      stallMs: 60_000,
      startTimeoutMs: 60_000,
      silenceMs: 0,
      termGraceMs: 60_000,
      startWaitMs: 60_000,
      drainMs: 60_000,
      memoryLimit: () => 0,
    },
    launchConcurrency: 2,
    metrics,
    log,
    logOf: () => log,
  };
  const plugins = createLocalPlugins(deps);
  const start = (identifier: string, signal = never) =>
    plugins.ensureReady(identifier, { report: () => undefined, signal });
  async function figure(name: string): Promise<string | undefined> {
    return (await exposeMetrics(metrics)).split("\n").find((line) => line.startsWith(name));
  }
  return { plugins, processes, errors, start, figure };
}

describe("createLocalPlugins()", () => {
  test("has one runtime for an identifier, and none for what was never uploaded", async () => {
    const { plugins } = setUp();
    const runtime = await plugins.runtimeOf(ONE);
    expect(await plugins.runtimeOf(ONE)).toBe(runtime);
    expect(await plugins.runtimeOf(identifierOf("9.9.9"))).toBeUndefined();
    expect(plugins.status(identifierOf("9.9.9"))).toBeUndefined();
  });

  test("ensureReady() starts once and says where the package is missing", async () => {
    const { plugins, processes, start } = setUp();
    await Promise.all([start(ONE), start(ONE)]);
    expect(processes).toHaveLength(1);
    expect(plugins.status(ONE)).toMatchObject({ state: "ready", pid: 1 });
    expect(await rejection(start(identifierOf("9.9.9")))).toMatchObject({
      code: "internal",
      hint: "Upload the package again",
    });
  });

  test("ensureReady() leaves nothing behind when whoever asked gives up", async () => {
    const { plugins, processes, start } = setUp({ onStart: () => undefined });
    const leave = new AbortController();
    const asked = rejection(start(ONE, leave.signal));
    await until("it starts", () => processes.length === 1);
    leave.abort(new Error("too long"));
    expect(await asked).toMatchObject({ message: "too long" });
    expect(plugins.status(ONE)).toBeUndefined();
    expect(processes[0]?.signals).not.toEqual([]);
  });

  test("stop() forgets the runtime, and the next one is new", async () => {
    const { plugins, start } = setUp();
    await start(ONE);
    const runtime = await plugins.runtimeOf(ONE);
    await plugins.stop(ONE);
    await plugins.stop(ONE);
    expect(await plugins.runtimeOf(ONE)).not.toBe(runtime);
  });

  test("warmUp() starts what it can, whatever stands in between", async () => {
    const damaged = "a/b:not an identifier";
    const { plugins, processes, errors } = setUp({ known: [ONE, damaged, TWO] });
    await plugins.warmUp([ONE, damaged, identifierOf("9.9.9"), TWO]);
    await until("both run", () => processes.length === 2);
    expect(errors).toEqual(["Cannot start a plugin that was used lately"]);
  });

  test("close() ends all, and nothing starts after it", async () => {
    const { plugins, processes, start } = setUp();
    await Promise.all([start(ONE), start(TWO)]);
    await Promise.all([plugins.close({ drainMs: 5 }), plugins.close({ drainMs: 5 })]);
    expect(processes.map(({ signals }) => signals)).toEqual([["SIGTERM"], ["SIGTERM"]]);
    await plugins.warmUp([ONE]);
    expect(await plugins.runtimeOf(identifierOf("0.0.1", "c"))).toBeUndefined();
    await rejection(start(ONE));
    expect(processes).toHaveLength(2);
  });
});

describe("createLocalPlugins() gauges", () => {
  const STATUS = 'plugin_runtime_status{plugin_id="a/b",runtime_type="local"}';
  const ACTIVE = 'active_plugins_total{runtime_type="local"}';

  test("follow a plugin through start, crash and stop", async () => {
    let beat = true;
    const { plugins, processes, start, figure } = setUp({ onStart: (fake) => beat && fake.out(FAKE_BEAT) });
    await start(ONE);
    expect([await figure(STATUS), await figure(ACTIVE)]).toEqual([`${STATUS} 1`, `${ACTIVE} 1`]);
    beat = false;
    processes[0]?.exit({ code: 1 });
    await until("it starts again", () => processes.length === 2);
    expect([await figure(STATUS), await figure(ACTIVE)]).toEqual([`${STATUS} 0.5`, `${ACTIVE} 0`]);
    expect(await figure("plugin_restarts_total{")).toEndWith(" 1");
    await plugins.stop(ONE);
    expect(await figure(STATUS)).toBe(`${STATUS} 0`);
  });

  test("show the new version of a plugin while the old one is stopped", async () => {
    const { plugins, start, figure } = setUp();
    await start(ONE);
    await start(TWO);
    expect(await figure(ACTIVE)).toBe(`${ACTIVE} 2`);
    await plugins.stop(ONE);
    expect([await figure(STATUS), await figure(ACTIVE)]).toEqual([`${STATUS} 1`, `${ACTIVE} 1`]);
  });
});
