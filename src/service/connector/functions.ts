import type { BlobStore } from "../../blob/blob-store.ts";
import { createKeyedLock } from "../../lib/keyed-lock.ts";
import type { Logger } from "../../lib/logger.ts";
import { readPackage } from "../../package/read-package.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import { requireIdentifier } from "../../protocol/identifier.ts";
import type { PluginSource, Provisioner, ReportStage } from "../../runtime/local/prepare.ts";
import type { FunctionInstance } from "./function-instance.ts";
import type { FunctionLogLine } from "../../protocol/serverless/function-log.ts";
import { createFunctionLog, type FunctionLog } from "./function-log.ts";
import type { FunctionRecord, FunctionRegistry } from "./function-registry.ts";
import { createInstancePool, type InstancePool, type PoolSettings } from "./instance-pool.ts";

/** A function with its processes. */
export interface OpenFunction {
  /** As the last launch left it. */
  readonly record: FunctionRecord;
  readonly pool: InstancePool;
  readonly log: FunctionLog;
}

export interface FunctionsDeps {
  readonly registry: FunctionRegistry;
  readonly blobs: Pick<BlobStore, "get" | "delete">;
  readonly provisioner: Provisioner;
  readonly startInstance: StartInstance;
  readonly poolSettings: PoolSettings;
  readonly log: Logger;
}

export type StartInstance = (
  what: {
    readonly source: PluginSource;
    readonly number: number;
    readonly label: string;
    readonly log: FunctionLog;
    readonly report: ReportStage;
    /** Where it calls back; undefined: where the connector's setting says. */
    readonly daemonUrl: string | undefined;
  },
  signal: AbortSignal,
) => Promise<FunctionInstance>;

/** The functions that were launched, with the processes of those that are in use. */
export interface Functions {
  /** Undefined where there is no such function. */
  find(id: string): OpenFunction | undefined;
  ofPlugin(identifier: string): OpenFunction | undefined;
  list(): readonly OpenFunction[];
  /**
   * Opens a function that is being launched: its first process is started from a source that the caller has at hand.
   * It is listed once it is added.
   */
  prepare(record: FunctionRecord, source: PluginSource, report: ReportStage): OpenFunction;
  add(opened: OpenFunction): Promise<void>;
  /** What another launch says of a function; processes that start from now on go by it. */
  change(record: FunctionRecord): Promise<void>;
  /** Ends one that was prepared and not added. */
  drop(opened: OpenFunction): Promise<void>;
  /** Runs work alone among the launches and the removal of a plugin. */
  alone<T>(identifier: string, work: () => Promise<T>): Promise<T>;
  /** Stops and forgets it, with its package and its folder. Does nothing where there is none. Not within `alone`. */
  remove(id: string, options: { readonly drainMs: number }): Promise<boolean>;
  close(options: { readonly drainMs: number }): Promise<void>;
}

/** What the SDK's server says of every request. */
const ACCESS_LINE = /^127\.0\.0\.1 - - \[.*\] "(?:GET \/health|POST \/invoke)/;
const NOTHING: ReportStage = () => undefined;

export function createFunctions(deps: FunctionsDeps): Functions {
  const { registry, blobs, provisioner, log } = deps;
  const lock = createKeyedLock();
  const open = new Map<string, OpenFunction>();
  /** Being launched, or on their way out. */
  const unlisted = new Set<OpenFunction>();

  /** The package is read when the first process is started; most functions rest after a start of the connector. */
  async function loadSource(identifier: string): Promise<PluginSource> {
    const read = async () => {
      const bytes = await blobs.get("package", identifier);
      if (!bytes)
        throw new DaemonError("unavailable", `Cannot find the package of "${identifier}"`, {
          hint: "Launch the function again",
        });
      return readPackage(bytes, { maxUncompressedBytes: Number.MAX_SAFE_INTEGER, publicKeys: [] });
    };
    const { declaration } = await read();
    return {
      identifier: requireIdentifier(identifier),
      declaration,
      load: async () => (await read()).files,
    };
  }

  function create(
    record: FunctionRecord,
    from: { readonly source?: PluginSource; readonly report: ReportStage },
  ): OpenFunction {
    const { id, name: label } = record;
    const current = () => registry.find(id) ?? record;
    const lines = createFunctionLog({ onLine: (line) => logLine(label, line) });
    const { report } = from;
    let source: Promise<PluginSource> | undefined = from.source && Promise.resolve(from.source);

    async function start(number: number, signal: AbortSignal): Promise<FunctionInstance> {
      source ??= loadSource(record.identifier);
      let known: PluginSource;
      try {
        known = await source;
      } catch (cause) {
        source = undefined;
        throw cause;
      }
      const began = performance.now();
      const instance = await deps.startInstance(
        {
          source: known,
          number,
          label,
          log: lines,
          report: number === 1 ? report : NOTHING,
          daemonUrl: current().daemon_url,
        },
        signal,
      );
      // What is kept for later starts must not hold the whole package in memory.
      source = Promise.resolve({ ...known, load: async () => (await loadSource(record.identifier)).load() });
      const tookMs = Math.round(performance.now() - began);
      log.info("Instance started", { function: label, instance: number, pid: instance.pid, took_ms: tookMs });
      return instance;
    }

    const pool = createInstancePool({
      settings: deps.poolSettings,
      start,
      log: log.with({ function: label }),
      now: () => performance.now(),
    });
    return {
      get record() {
        return current();
      },
      pool,
      log: lines,
    };
  }

  function logLine(name: string, { instance, source, line }: FunctionLogLine): void {
    // The line of the call says the same.
    const level = ACCESS_LINE.test(line) ? "debug" : source === "stdout" ? "info" : "warn";
    log[level]("Function output", { function: name, instance, source, line });
  }

  function find(id: string): OpenFunction | undefined {
    const known = open.get(id);
    if (known) return known;
    const record = registry.find(id);
    if (!record) return undefined;
    const opened = create(record, { report: NOTHING });
    open.set(id, opened);
    return opened;
  }

  async function removeAlone(id: string, { drainMs }: { readonly drainMs: number }): Promise<boolean> {
    const opened = find(id);
    if (!opened) return false;
    const { identifier } = opened.record;
    // From here on nobody finds it, also after a kill.
    await registry.remove(id);
    open.delete(id);
    unlisted.add(opened);
    opened.log.close();
    await opened.pool.close({ drainMs });
    unlisted.delete(opened);
    await blobs.delete("package", identifier);
    await provisioner.discard(requireIdentifier(identifier));
    return true;
  }

  return {
    find,
    ofPlugin(identifier) {
      const record = registry.ofPlugin(identifier);
      return record && find(record.id);
    },
    list: () => registry.list().flatMap(({ id }) => find(id) ?? []),
    prepare(record, source, report) {
      const opened = create(record, { source, report });
      unlisted.add(opened);
      return opened;
    },
    async add(opened) {
      await registry.save(opened.record);
      open.set(opened.record.id, opened);
      unlisted.delete(opened);
    },
    change: (record) => registry.save(record),
    async drop(opened) {
      await opened.pool.close({ drainMs: 0 });
      opened.log.close();
      unlisted.delete(opened);
    },
    alone: (identifier, work) => lock.run(identifier, work),
    async remove(id, options) {
      const record = registry.find(id);
      return record !== undefined && lock.run(record.identifier, () => removeAlone(id, options));
    },
    async close(options) {
      const all = [...open.values(), ...unlisted];
      for (const one of all) one.log.close();
      await Promise.all(all.map(({ pool }) => pool.close(options)));
    },
  };
}
