import type { BlobStore } from "../../blob/blob-store.ts";
import { describeError } from "../../lib/describe-error.ts";
import type { Logger } from "../../lib/logger.ts";
import type { Slots } from "../../lib/slots.ts";
import { readPackage } from "../../package/read-package.ts";
import type { PluginPackage } from "../../package/package.ts";
import { validateUpload } from "../../package/validate-upload.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import { readRunner } from "../../protocol/runner.ts";
import type { LaunchMetadata } from "../../protocol/serverless/connector.ts";
import { launchedMessage, type LaunchLine } from "../../protocol/serverless/launch-line.ts";
import type { PrepareStage, Provisioner } from "../../runtime/local/prepare.ts";
import { requireSignature } from "../signature-policy.ts";
import { functionName, newFunctionId } from "./function-name.ts";
import type { FunctionRecord } from "./function-registry.ts";
import type { Functions, OpenFunction } from "./functions.ts";
import { createLaunchProgress, type LaunchProgress } from "./launch-progress.ts";

export interface LaunchRequest {
  readonly bytes: Uint8Array;
  /** What the daemon says of the signature. Here the connector's own keys and policy decide. */
  readonly verified: boolean;
  /** A reference daemon gives the identifier alone, which has to be the package's own. */
  readonly metadata: LaunchMetadata;
}

export interface LaunchFunctionsDeps {
  readonly functions: Functions;
  readonly blobs: Pick<BlobStore, "put" | "delete">;
  readonly provisioner: Provisioner;
  readonly maxPackageBytes: number;
  readonly publicKeys: readonly string[];
  /** `FORCE_VERIFYING_SIGNATURE`. */
  readonly forceSignature: boolean;
  readonly endpointOf: (id: string) => string;
  /** Builds that run at the same time. */
  readonly slots: Slots;
  readonly log: Logger;
  /** Ends launches that are under way; they leave nothing behind. */
  readonly closing: AbortSignal;
}

export interface LaunchFunctions {
  /**
   * Launches the function of a package, or joins the launch of the same package that is under way. Every outcome is
   * an event; the launch goes on when nobody listens any more.
   */
  launch(request: LaunchRequest): LaunchProgress;
  /** Resolves when no launch is under way. */
  idle(): Promise<void>;
}

const STAGES: Readonly<Record<PrepareStage, LaunchLine["Stage"]>> = {
  unpack: "build",
  environment: "build",
  dependencies: "build",
  compile: "build",
  start: "run",
};

export function createLaunchFunctions(deps: LaunchFunctionsDeps): LaunchFunctions {
  const { functions, blobs, provisioner, log } = deps;
  /** By identifier. */
  const builds = new Map<string, LaunchProgress>();
  const running = new Set<Promise<void>>();

  /** Package, identifier and signature are those of this request, whatever others have sent. */
  async function check(request: LaunchRequest): Promise<PluginPackage> {
    const pkg = await readPackage(request.bytes, {
      maxUncompressedBytes: deps.maxPackageBytes,
      publicKeys: deps.publicKeys,
    });
    validateUpload(pkg);
    readRunner(pkg.declaration.meta.runner);
    const { plugin_unique_identifier: identifier } = request.metadata;
    if (identifier !== undefined && identifier !== pkg.identifier.text)
      throw new DaemonError(
        "bad_request",
        `Cannot launch "${identifier}": the package is "${pkg.identifier.text}"`,
      );
    if (deps.forceSignature) requireSignature(pkg);
    else if (request.verified && pkg.verification === null)
      log.warn("The daemon has verified a package whose signature no key of this connector knows", {
        plugin: pkg.identifier.text,
      });
    return pkg;
  }

  async function run(request: LaunchRequest, progress: LaunchProgress): Promise<void> {
    try {
      progress.tell("start", "running", "package", "Checking the package");
      const pkg = await check(request);
      const { text } = pkg.identifier;
      let build = builds.get(text);
      if (!build) {
        build = createLaunchProgress();
        builds.set(text, build);
        const own = build;
        const alone = functions.alone(text, () => buildFunction(pkg, request, own));
        hold(alone.finally(() => builds.delete(text)));
      } else progress.tell("start", "running", "package", "Joining a launch of the same package");
      await build.follow((event) => progress.pass(event), { signal: deps.closing });
      progress.end();
    } catch (cause) {
      progress.fail(failureText(cause));
    }
  }

  async function buildFunction(
    pkg: PluginPackage,
    { bytes, metadata }: LaunchRequest,
    progress: LaunchProgress,
  ): Promise<void> {
    const { identifier, declaration, files } = pkg;
    const before = functions.ofPlugin(identifier.text);
    const record: FunctionRecord = {
      id: before?.record.id ?? newFunctionId(identifier),
      name: functionName(identifier),
      identifier: identifier.text,
      created_at: before?.record.created_at ?? new Date().toISOString(),
      form: readRunner(declaration.meta.runner).dialect,
      ...(metadata.daemon_url !== undefined && { daemon_url: metadata.daemon_url }),
      ...(metadata.signature_secret !== undefined && { signature_secret: metadata.signature_secret }),
    };
    const began = performance.now();
    let opened: OpenFunction | undefined;
    let leave: (() => void) | undefined;
    try {
      progress.tell("start", "success", record.name, "The package is accepted");
      if (deps.slots.waiting > 0) progress.tell("build", "running", "queue", "Waiting for other builds");
      leave = await deps.slots.acquire(() => 0, deps.closing);
      await blobs.put("package", identifier.text, bytes);
      const source = { identifier, declaration, load: () => Promise.resolve(files) };
      opened =
        before ?? functions.prepare(record, source, (stage, detail) => report(progress, stage, detail));
      if (before) await prepareAgain(source, { before, record, progress });
      // It is there when it has answered once.
      const lease = await opened.pool.acquire(deps.closing);
      lease.release();
      if (!before) await functions.add(opened);
      log.info("Function launched", {
        function: record.name,
        took_ms: Math.round(performance.now() - began),
      });
      const endpoint = deps.endpointOf(record.id);
      progress.tell("run", "success", record.name, launchedMessage({ ...record, endpoint }));
      progress.tell("end", "success", record.name, "");
      progress.end();
    } catch (cause) {
      log.warn("Cannot launch a function", { function: record.name, error: cause });
      if (!before) await discard(pkg, opened);
      progress.fail(failureText(cause));
    } finally {
      leave?.();
    }
  }

  /**
   * A launch of what is there heals what is broken on the disk, and replaces the processes once a new one answers;
   * where none does, everything stays as it is.
   */
  async function prepareAgain(
    source: Parameters<Provisioner["prepare"]>[0],
    {
      before,
      record,
      progress,
    }: {
      readonly before: OpenFunction;
      readonly record: FunctionRecord;
      readonly progress: LaunchProgress;
    },
  ): Promise<void> {
    await provisioner.prepare(source, {
      report: (stage, detail) => report(progress, stage, detail),
      signal: deps.closing,
    });
    progress.tell("run", "running", record.name, "Replacing its processes");
    const known = before.record;
    await functions.change(record);
    try {
      await before.pool.replaceAll();
    } catch (cause) {
      await functions.change(known);
      throw cause;
    }
  }

  function report(progress: LaunchProgress, stage: PrepareStage, detail: string): void {
    progress.tell(STAGES[stage], "running", stage, detail);
  }

  /** The first error is the one that tells; what cannot be removed now goes at the next start. */
  async function discard(pkg: PluginPackage, opened: OpenFunction | undefined): Promise<void> {
    try {
      if (opened) await functions.drop(opened);
      await blobs.delete("package", pkg.identifier.text);
      await provisioner.discard(pkg.identifier);
    } catch (cause) {
      log.error("Cannot remove what a launch has left", { plugin: pkg.identifier.text, error: cause });
    }
  }

  function hold(work: Promise<void>): void {
    const held = work.finally(() => running.delete(held));
    running.add(held);
  }

  return {
    launch(request) {
      const progress = createLaunchProgress();
      hold(run(request, progress));
      return progress;
    },
    async idle() {
      while (running.size > 0) await Promise.all(running);
    },
  };
}

function failureText(cause: unknown): string {
  const text = describeError(cause);
  return cause instanceof DaemonError && cause.hint !== undefined ? `${text}\n${cause.hint}` : text;
}
