import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { settlesWithin } from "../../../lib/deadline.ts";
import { errorMessage } from "../../../lib/describe-error.ts";
import type { Logger } from "../../../lib/logger.ts";
import { whenAborted } from "../../../lib/when-aborted.ts";
import { readRunner } from "../../../protocol/runner.ts";
import { createMemoryLimiter } from "../../../runtime/local/memory-limiter.ts";
import type { LaunchPlan, ReportStage } from "../../../runtime/local/prepare.ts";
import { createProvisioner } from "../../../runtime/local/provisioner.ts";
import { createSpawnStarter } from "../../../runtime/local/spawn.ts";
import { installLauncher } from "../../../runtime/local/spawn-launcher.ts";
import type { AuthorSettings } from "../author-settings.ts";
import { createDevBridge } from "./dev-bridge.ts";
import { createDevChild, type DevChild } from "./dev-child.ts";
import { type ConnectionEvent, type DevDaemon, keepConnected } from "./dev-connection.ts";
import { type DevDialect, devDialect, type DevFailure } from "./dev-dialect.ts";
import {
  dependencyFingerprint,
  devIgnoreRules,
  type DevSource,
  isDeclaring,
  isDependencyFile,
  readDevSource,
  readFingerprint,
  writeFingerprint,
} from "./dev-source.ts";
import { watchFolder } from "./watch-folder.ts";

/** What happens, for whoever sits in front of it. */
export type DevEvent =
  | { readonly kind: "declared"; readonly source: DevSource }
  | { readonly kind: "preparing"; readonly detail: string }
  | { readonly kind: "prepared"; readonly tookMs: number }
  | { readonly kind: "changed"; readonly paths: readonly string[] }
  /** The plugin answers; the time is counted from the change, or from the start. */
  | { readonly kind: "ready"; readonly tookMs: number; readonly pid: number }
  /** It does not run; the next change starts it again. */
  | { readonly kind: "broken"; readonly why: string }
  | { readonly kind: "stderr"; readonly line: string }
  | ConnectionEvent;

export interface DevPluginOptions {
  readonly folder: string;
  /** What is made (environments, the launcher) goes below the settings' folders. */
  readonly settings: AuthorSettings;
  readonly runFolder: string;
  /** Asked before each connection. */
  readonly daemon: () => Promise<DevDaemon>;
  readonly tell: (event: DevEvent) => void;
  readonly log: Logger;
  /** Ends all of it. */
  readonly signal: AbortSignal;
}

/** Signs of life in place of a plugin that is not there. */
const BEAT_MS = 4000;
/** A program that ends with it wants to be started anew: `plugd_debug` was told to reload. */
export const RELOAD_EXIT_CODE = 75;
const STDERR_LINES = 20;
/** What a process that is replaced gets for the calls that it has. */
const LAST_ANSWERS_MS = 200;

/**
 * Runs a plugin from its author's folder, behind one connection to the daemon that stays while its process is replaced:
 *
 *   daemon ◀──debug connection──▶ bridge ◀──pipes──▶ the process of now
 *
 * A change of files starts a new process; what it depends on is prepared again only when that changed, and what it
 * declares is registered again only when that did. Resolves at the end of `signal`. Rejects where the first
 * declaration cannot be read.
 */
export async function devPlugin(options: DevPluginOptions): Promise<void> {
  const { folder, settings, signal, tell } = options;
  let source = await readDevSource(folder);
  const memory = await createMemoryLimiter({ log: options.log });
  // A launcher starts programs of one process alone: the same folder may be run twice.
  const launcherFolder = join(options.runFolder, "run", String(process.pid));
  const starter = createSpawnStarter({
    launcher: await installLauncher({ folders: [launcherFolder] }),
    memory,
  });
  await mkdir(settings.local.envsPath, { recursive: true });
  const provisioner = createProvisioner({ settings: settings.local, log: options.log });

  let dialect: DevDialect = devDialect(readRunner(source.declaration.meta.runner));
  let plan: LaunchPlan | undefined;
  let child: DevChild | undefined;
  /** Work that runs beside the loop. */
  const running = new Set<Promise<void>>();
  /** Requests reach it. */
  let answering = false;
  /** An operator has asked for the start that goes on. */
  let reloading = false;
  /** The declaration could not be read when it was last tried. */
  let unread = false;
  const over = whenAborted(signal);

  const pending = new Set<string>();
  let wake = Promise.withResolvers<void>();
  function change(paths: readonly string[]): void {
    for (const path of paths) pending.add(path);
    wake.resolve();
  }

  const bridge = createDevBridge({
    dialect: () => dialect,
    onRefused: (why) => connection.refuse(why),
    onReload() {
      reloading = true;
      change([]);
    },
  });

  function beside(work: Promise<void>): void {
    const held = work.finally(() => running.delete(held));
    running.add(held);
  }

  const connection = keepConnected({
    bridge,
    daemon: options.daemon,
    registration: (key) => dialect.registration({ key, ...source }),
    tell,
    signal,
  });

  function redeclare(before: DevSource): void {
    tell({ kind: "declared", source });
    const same = before.identifier.pluginId === source.identifier.pluginId;
    if (same && dialect.redeclare) bridge.say(dialect.redeclare(source.declaration));
    else connection.renew();
  }

  function broken(why: string): void {
    answering = false;
    tell({ kind: "broken", why });
    bridge.refuse({ type: "PluginNotRunningError", message: `The plugin does not run: ${why}` });
  }

  async function prepare(): Promise<void> {
    plan = undefined;
    const began = performance.now();
    const report: ReportStage = (_, detail) => tell({ kind: "preparing", detail });
    const fingerprint = await dependencyFingerprint(folder);
    const stale = fingerprint !== (await readFingerprint(folder));
    const { identifier, declaration } = source;
    plan = await provisioner.prepareFolder({ identifier, declaration, folder }, { report, signal, stale });
    await writeFingerprint(folder, fingerprint);
    tell({ kind: "prepared", tookMs: performance.now() - began });
  }

  /** For `plugd_debug` and its like: who starts the plugin, and for Python where breakpoints are told. */
  async function debugVariables(): Promise<Record<string, string>> {
    const own = { PLUGD_DEV: "1", PLUGD_RELOAD_EXIT: String(RELOAD_EXIT_CODE) };
    if (source.declaration.meta.runner.language !== "python") return own;
    const daemon = connection.daemon ?? (await options.daemon().catch(() => undefined));
    if (!daemon) return own;
    return {
      ...own,
      REMOTE_INSTALL_HOST: daemon.host,
      REMOTE_INSTALL_PORT: String(daemon.port),
      REMOTE_INSTALL_KEY: daemon.key,
    };
  }

  async function start(since: number): Promise<void> {
    if (!plan) return;
    const runner = readRunner(source.declaration.meta.runner);
    const process = await starter.start({
      ...plan,
      env: { ...plan.env, ...(await debugVariables()) },
      limits: { memoryBytes: settings.runtime.memoryLimit(source.declaration.resource.memory) },
    });
    const started: DevChild = createDevChild(process, {
      dialect,
      beats: runner.liveness !== "none",
      maxLineBytes: settings.runtime.maxLineBytes,
      onLines: (lines) => bridge.fromPlugin(started, lines),
      onStderr: (line) => tell({ kind: "stderr", line }),
    });
    child = started;
    const first = Promise.race([started.ready.then(() => true), started.ended.then(() => false)]);
    beside(
      first.then((ready) => {
        if (!ready || child !== started) return;
        answering = true;
        bridge.open(started);
        if (reloading && dialect.reloaded !== undefined) bridge.say(dialect.reloaded);
        reloading = false;
        tell({ kind: "ready", tookMs: performance.now() - since, pid: started.pid });
      }),
    );
    beside(started.ended.then((end) => ended(started, end)));
  }

  function ended(process: DevChild, { why, stderr, code }: Awaited<DevChild["ended"]>): void {
    if (child !== process || signal.aborted) return;
    child = undefined;
    if (code === RELOAD_EXIT_CODE) return change([]);
    const lines = stderr.split("\n").slice(-STDERR_LINES).join("\n");
    broken(lines === "" ? why : `${why}\n${lines}`);
  }

  async function replace(failure: DevFailure): Promise<void> {
    answering = false;
    bridge.hold();
    // What was called with the save may be about to answer; one that stands or streams for long is not waited for.
    if (child) await settlesWithin(bridge.idle(), LAST_ANSWERS_MS);
    bridge.cut(failure);
    const old = child;
    child = undefined;
    await old?.stop();
  }

  /** One round: what changed is read, prepared and started. */
  async function apply(paths: readonly string[], first: boolean): Promise<void> {
    const since = performance.now();
    if (!first) tell({ kind: "changed", paths });
    await replace({
      type: "PluginRestartedError",
      message: "The plugin was restarted while it was called, as its files changed",
    });
    try {
      const declares = first || unread || paths.some(isDeclaring);
      if (declares && !first) {
        const before = source;
        unread = true;
        source = await readDevSource(folder);
        unread = false;
        dialect = devDialect(readRunner(source.declaration.meta.runner));
        if (stateOf(source) !== stateOf(before)) redeclare(before);
      }
      if (declares || !plan || paths.some(isDependencyFile)) await prepare();
      await start(since);
    } catch (cause) {
      if (!signal.aborted) broken(errorMessage(cause));
    }
  }

  tell({ kind: "declared", source });
  const watching = await watchFolder(folder, { ignored: () => devIgnoreRules(folder), onChange: change });
  const beat = setInterval(() => {
    // One that is asked answers itself, or shall be seen not to.
    if (!answering || dialect.ask === undefined) bridge.say(dialect.beat);
  }, BEAT_MS);
  try {
    for (let first = true; !signal.aborted; first = false) {
      const paths = [...pending];
      pending.clear();
      wake = Promise.withResolvers();
      await apply(paths, first);
      if (pending.size === 0) await Promise.race([wake.promise, over]);
    }
  } finally {
    clearInterval(beat);
    watching.close();
    bridge.refuse({ type: "PluginNotRunningError", message: "The plugin's author has ended it" });
    await child?.stop();
    await connection.ended;
    await Promise.all(running);
    await memory.close();
    await rm(launcherFolder, { recursive: true, force: true });
  }
}

/** Tells one declaration with its assets from another. */
function stateOf({ declaration, assets }: DevSource): string {
  const hash = new Bun.CryptoHasher("sha256").update(JSON.stringify(declaration));
  for (const [name, bytes] of assets) hash.update(`${name}\0${bytes.length}\0`).update(bytes);
  return hash.digest("hex");
}
