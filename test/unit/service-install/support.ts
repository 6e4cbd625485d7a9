import type { BlobKind, BlobStore } from "../../../src/blob/blob-store.ts";
import type { Logger } from "../../../src/lib/logger.ts";
import type { PluginDeclaration } from "../../../src/protocol/declaration.ts";
import { requireIdentifier } from "../../../src/protocol/identifier.ts";
import type { ReportStage } from "../../../src/runtime/local/prepare.ts";
import { createBackgroundWork } from "../../../src/service/background-work.ts";
import { createCollectGarbage } from "../../../src/service/collect-garbage.ts";
import { createInstallJobs, type InstallOutcome } from "../../../src/service/install-jobs.ts";
import { createChooseRuntime } from "../../../src/service/choose-runtime.ts";
import { createSwitchRuntime } from "../../../src/service/switch-runtime.ts";
import { createInstallLaunches, type StartedPlugin } from "../../../src/service/install-launches.ts";
import { createInstallPlugins } from "../../../src/service/install-plugins.ts";
import { createInstallTasks } from "../../../src/service/install-tasks.ts";
import { createInstalledPlugins } from "../../../src/service/installed-plugins.ts";
import { createPackageGuard } from "../../../src/service/package-guard.ts";
import { createRetirePlugin } from "../../../src/service/retire-plugin.ts";
import { createUninstall } from "../../../src/service/uninstall-plugin.ts";
import { createUpgradePlugin } from "../../../src/service/upgrade-plugin.ts";
import { openStore } from "../../../src/store/open-store.ts";
import type { RuntimeType, Store } from "../../../src/store/store.ts";

const HOUR = 3_600_000;

/** A valid identifier; the same name and version always have the same checksum. */
export function identifierOf(name: string, version = "0.0.1"): string {
  return `a/${name}:${version}@${new Bun.CryptoHasher("md5").update(name + version).digest("hex")}`;
}

export function declarationOf(name: string, version = "0.0.1"): PluginDeclaration {
  return {
    version,
    type: "plugin",
    author: "a",
    name,
    label: { en_US: `Label of ${name}`, zh_Hans: "标签" },
    description: { en_US: "d" },
    icon: `${name}.svg`,
    icon_dark: "",
    resource: { memory: 1 },
    plugins: { tools: ["p.yaml"] },
    meta: {
      version: "0.0.1",
      arch: ["amd64"],
      runner: { language: "python", version: "3.12", entrypoint: "main" },
      minimum_dify_version: null,
    },
    tags: [],
    created_at: "2024-07-12T08:03:44Z",
    verified: false,
  };
}

/** A start that the test ends: `ready()` or `fail()`. It also fails when its signal aborts. */
export interface StandInStart {
  readonly identifier: string;
  readonly runtimeType: RuntimeType;
  readonly report: ReportStage;
  readonly signal: AbortSignal;
  ready(): void;
  fail(cause: Error): void;
}

/** Stands in for the runtimes: every start waits for the test, unless `automatic` is set. */
export function createLauncher() {
  const starts: StandInStart[] = [];
  const stops: string[] = [];
  const functionStops: string[] = [];
  const discards: string[] = [];
  const untaken: StandInStart[] = [];
  const waiting: ((start: StandInStart) => void)[] = [];
  const launcher = {
    starts,
    stops,
    functionStops,
    discards,
    automatic: false,
    stopping: undefined as Promise<void> | undefined,
    /** Plugins whose folders cannot be removed. */
    unremovable: new Set<string>(),
    /** What a removal of folders waits for. */
    discarding: undefined as (() => Promise<void>) | undefined,
    /** The next start that is asked for, or one that nobody took yet. */
    nextStart(): Promise<StandInStart> {
      const { promise, resolve } = Promise.withResolvers<StandInStart>();
      const start = untaken.shift();
      if (start) resolve(start);
      else waiting.push(resolve);
      return promise;
    },
    ensureReady(
      { identifier, runtimeType }: StartedPlugin,
      { report, signal }: { report: ReportStage; signal: AbortSignal },
    ) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true });
      const start = { identifier, runtimeType, report, signal, ready: resolve, fail: reject };
      starts.push(start);
      const take = waiting.shift();
      if (launcher.automatic) resolve();
      else if (take) take(start);
      else untaken.push(start);
      return promise;
    },
    async stop(identifier: string, runtimeType: RuntimeType) {
      // Each is stopped wherever it may run; tests are about the processes.
      if (runtimeType === "serverless") return void functionStops.push(identifier);
      stops.push(identifier);
      await launcher.stopping;
    },
    async discard(identifier: string) {
      await launcher.discarding?.();
      if (launcher.unremovable.has(identifier)) throw new Error("busy");
      discards.push(identifier);
    },
  };
  return launcher;
}

export function createMemoryBlobs(): BlobStore & { readonly keys: () => string[] } {
  const blobs = new Map<string, Uint8Array>();
  const at = (kind: BlobKind, key: string) => `${kind} ${key}`;
  return {
    keys: () => [...blobs.keys()].sort(),
    put: async (kind, key, bytes) =>
      void blobs.set(at(kind, key), bytes instanceof Blob ? await bytes.bytes() : bytes.slice()),
    get: async (kind, key) => blobs.get(at(kind, key)),
    has: async (kind, key) => blobs.has(at(kind, key)),
    delete: async (kind, key) => void blobs.delete(at(kind, key)),
    async *list(kind) {
      for (const key of blobs.keys()) if (key.startsWith(`${kind} `)) yield key.slice(kind.length + 1);
    },
  };
}

export function createLog(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const add = (message: string) => void lines.push(message);
  const logger = { lines, debug: add, info: add, warn: add, error: add, with: () => logger };
  return logger;
}

export interface ServicesOptions {
  readonly store?: Store;
  readonly blobs?: BlobStore;
  readonly concurrency?: number;
  readonly timeoutMs?: number;
}

/** All services of installations over a real store in memory and a launcher that the test steers. */
export function createServices(options: ServicesOptions = {}) {
  const clock = { at: Date.parse("2026-01-01T00:00:00Z") };
  const now = () => clock.at;
  const store =
    options.store ??
    openStore({
      path: ":memory:",
      synchronous: "normal",
      sessionHistory: 10,
      now: () => new Date(clock.at++),
    });
  const { declarations, installations, tasks } = store;
  const blobs = options.blobs ?? createMemoryBlobs();
  const launcher = createLauncher();
  const logger = createLog();
  const outcomes: InstallOutcome[] = [];
  const guard = createPackageGuard();
  const background = createBackgroundWork({ logger });
  const launches = createInstallLaunches({
    starter: launcher,
    concurrency: options.concurrency ?? 2,
    timeoutMs: options.timeoutMs ?? 60_000,
    closing: background.closing,
  });
  const jobs = createInstallJobs({
    tasks,
    launches,
    background,
    logger,
    onOutcome: (outcome) => void outcomes.push(outcome),
    pause: async () => undefined,
  });
  const retire = createRetirePlugin({ installations, stopper: launcher, guard });
  const installing = { declarations, installations, tasks, jobs, guard, retire };
  const choose = createChooseRuntime({ defaultWish: "local", hasConnector: true, autoMemoryBytes: 1 });
  return {
    clock,
    store,
    blobs,
    launcher,
    logger,
    outcomes,
    guard,
    background,
    install: createInstallPlugins({ ...installing, choose }),
    upgrade: createUpgradePlugin({ ...installing, background }),
    switchRuntime: createSwitchRuntime({ ...installing, choose }),
    uninstall: createUninstall({ installations, retire }),
    tasks: createInstallTasks({ tasks, retentionMs: 600_000, now }),
    installed: createInstalledPlugins({ declarations, installations }),
    collect: createCollectGarbage({
      declarations,
      installations,
      blobs,
      folders: launcher,
      guard,
      logger,
      graceMs: HOUR,
      now,
    }),
    /** Stores what an upload stores; answers the identifier. */
    async upload(name: string, version = "0.0.1"): Promise<string> {
      const identifier = identifierOf(name, version);
      await blobs.put("package", identifier, new Uint8Array([1]));
      await blobs.put("asset", `${name}.svg`, new Uint8Array([2]));
      await declarations.save({
        identifier,
        pluginId: requireIdentifier(identifier).pluginId,
        category: "tool",
        declaration: declarationOf(name, version),
        verification: null,
        packageBytes: 1,
        assetIds: [`${name}.svg`],
      });
      return identifier;
    },
  };
}
