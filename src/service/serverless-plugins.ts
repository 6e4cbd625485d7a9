import type { BlobStore } from "../blob/blob-store.ts";
import { createKeyedLock } from "../lib/keyed-lock.ts";
import type { Logger } from "../lib/logger.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import { requireIdentifier } from "../protocol/identifier.ts";
import { readRunner } from "../protocol/runner.ts";
import {
  type DeployedFunction,
  type FunctionProtocol,
  launchFingerprint,
} from "../protocol/serverless/connector.ts";
import { deriveSecret } from "../protocol/serverless/signature.ts";
import type { Connector } from "../runtime/serverless/connector.ts";
import type { FunctionTarget } from "../runtime/serverless/function-target.ts";
import {
  checkFunctionUrl,
  type FunctionUrlPolicy,
  readFunctionUrl,
} from "../runtime/serverless/function-url.ts";
import {
  createServerlessRuntime,
  type OpenCall,
  type ServerlessRuntime,
  type ServerlessRuntimeOptions,
} from "../runtime/serverless/serverless-runtime.ts";
import type { ServerlessRuntimeRow, ServerlessRuntimeStore } from "../store/serverless-runtime.ts";
import type { DeclarationRow } from "../store/store.ts";

export interface ServerlessPluginsDeps {
  readonly records: ServerlessRuntimeStore;
  findDeclaration(identifier: string): Promise<DeclarationRow | undefined>;
  readonly blobs: Pick<BlobStore, "get">;
  /** Undefined where none is set: what is recorded runs, and nothing can be launched. */
  readonly connector: Connector | undefined;
  /** Functions call back below it; asked late, since the daemon learns its own port late. */
  readonly callbackBase: () => string;
  /** What the secrets of functions are made from: in the paths of their calls back, and of signatures. */
  readonly secretsKey: string;
  /** Of all functions (`PLUGD_SERVERLESS_SIGNATURE_SECRET`); undefined: each has one of its own. */
  readonly signatureSecret: string | undefined;
  readonly urls: FunctionUrlPolicy;
  /** How functions are called, the same for all. */
  readonly calling: (plugin: {
    readonly pluginId: string;
    readonly version: string;
  }) => Pick<ServerlessRuntimeOptions, "sdk" | "plain" | "stallMs" | "onUsage">;
  /** Open calls of a plugin that is told to stop get this long. */
  readonly drainMs: number;
  readonly log: Logger;
  /** Of the runtime of one plugin, for those who watch it. */
  readonly logOf: (pluginId: string) => Logger;
}

export interface LaunchWatch {
  readonly report: (message: string) => void;
  readonly signal: AbortSignal;
}

/** What an operator says of a function by hand. */
export interface SwitchedEndpoint {
  readonly identifier: string;
  readonly functionName: string;
  readonly functionUrl: string;
  /** What is left out stays as it is. */
  readonly protocol?: FunctionProtocol | undefined;
  readonly signatureSecret?: string | undefined;
}

/** The plugins that run, or can run, as functions. */
export interface ServerlessPlugins {
  /** Undefined when the identifier was never uploaded here. */
  runtimeOf(identifier: string): Promise<ServerlessRuntime | undefined>;
  /** Takes the function that the connector has, or has one built; at once when it is recorded. */
  ensureReady(identifier: string, watch: LaunchWatch): Promise<void>;
  /** Has it built anew in any case. Throws `bad_request` where it is not stored here. */
  relaunch(identifier: string, watch: LaunchWatch): Promise<void>;
  /** Points it at another function. Throws `internal` where there is none yet. */
  switchEndpoint(change: SwitchedEndpoint): Promise<void>;
  /** Told to stop after its open calls; forgotten then, with its record. The function itself is the connector's. */
  stop(identifier: string): Promise<void>;
  /** Where its function is. */
  find(identifier: string): Promise<ServerlessRuntimeRow | undefined>;
  status(identifier: string): ServerlessRuntime["status"] | undefined;
  /** The open call of a session. */
  openCall(sessionId: string): OpenCall | undefined;
  /** What stands in the path of a function's calls back. */
  callbackSecret(identifier: string): string;
  /** The daemon leaves: all calls drain together, then are cut. Idempotent. */
  close(options: { readonly drainMs: number }): Promise<void>;
}

export function createServerlessPlugins(deps: ServerlessPluginsDeps): ServerlessPlugins {
  const { records, connector, log } = deps;
  const runtimes = new Map<string, ServerlessRuntime>();
  /** Forgotten, and not over yet: a shutdown must not leave them behind. */
  const leaving = new Set<ServerlessRuntime>();
  const openCalls = new Map<string, OpenCall>();
  /** By identifier; asked for with every call. */
  const targets = new Map<string, FunctionTarget>();
  let changes = 0;
  const launches = createKeyedLock();
  let closing = false;

  async function runtimeOf(identifier: string): Promise<ServerlessRuntime | undefined> {
    const known = runtimes.get(identifier);
    if (known) return known;
    const row = await deps.findDeclaration(identifier);
    if (!row || closing) return undefined;
    const there = runtimes.get(identifier);
    if (there) return there;
    const runtime = create(row);
    runtimes.set(identifier, runtime);
    return runtime;
  }

  function create({ identifier: text, pluginId, declaration }: DeclarationRow): ServerlessRuntime {
    const { version } = requireIdentifier(text);
    return createServerlessRuntime({
      identifier: text,
      label: `${pluginId}:${version}`,
      permission: declaration.resource.permission,
      findTarget: () => findTarget(text),
      ...deps.calling({ pluginId, version }),
      log: deps.logOf(pluginId),
      calls: {
        add: (sessionId, call) => void openCalls.set(sessionId, call),
        remove: (sessionId) => void openCalls.delete(sessionId),
      },
    });
  }

  async function findTarget(identifier: string): Promise<FunctionTarget | undefined> {
    const known = targets.get(identifier);
    if (known) return known;
    const before = changes;
    const row = await records.find(identifier);
    if (!row) return undefined;
    const target = {
      url: row.functionUrl,
      name: row.functionName,
      protocol: row.protocol,
      signatureSecret: row.signatureSecret ?? signatureSecret(identifier),
      daemonUrl: daemonUrl(identifier),
    };
    if (changes === before) targets.set(identifier, target);
    return target;
  }

  /** Every change of a record goes through here, so that what is remembered of it is forgotten. */
  async function changing(identifier: string, change: Promise<void>): Promise<void> {
    try {
      await change;
    } finally {
      changes++;
      targets.delete(identifier);
    }
  }

  function callbackSecret(identifier: string): string {
    return deriveSecret(deps.secretsKey, { purpose: "callback", identifier });
  }

  function signatureSecret(identifier: string): string {
    return deps.signatureSecret ?? deriveSecret(deps.secretsKey, { purpose: "signature", identifier });
  }

  function daemonUrl(identifier: string): string {
    return `${deps.callbackBase().replace(/\/+$/, "")}/function/${callbackSecret(identifier)}`;
  }

  /** A package is launched once at a time, whoever asks; the next one finds what the first has left. */
  async function launch(
    identifier: string,
    { report, signal, anew }: LaunchWatch & { readonly anew: boolean },
  ): Promise<void> {
    const parsed = requireIdentifier(identifier);
    await launches.run(
      parsed.checksum,
      async () => {
        const before = await records.find(identifier);
        if (before && !anew) return;
        if (!connector)
          throw new DaemonError("unavailable", `Cannot launch "${identifier}": no connector is set`, {
            hint: "Set DIFY_PLUGIN_SERVERLESS_CONNECTOR_URL and …_API_KEY",
          });
        const secret = signatureSecret(identifier);
        const told = { daemon_url: daemonUrl(identifier), signature_secret: secret };
        if (!anew) {
          report("Looking for a function that is there already");
          const there = await connector.find(parsed, signal);
          if (there && knowsUs(there, told)) return save(identifier, there, secret);
          if (there) report("The function was launched with another address or secret");
        }
        const row = await deps.findDeclaration(identifier);
        const bytes = await deps.blobs.get("package", identifier);
        if (!row || !bytes)
          throw new DaemonError("bad_request", `Cannot launch "${identifier}": it is not stored here`, {
            hint: "Upload the package again",
          });
        report("Sending the package to the connector");
        const launched = await connector.launch(
          {
            identifier: parsed,
            bytes,
            verified: row.verification !== null,
            metadata: { plugin_unique_identifier: identifier, ...told },
          },
          { report, signal },
        );
        await save(identifier, launched, secret);
      },
      { signal },
    );
  }

  /** Connectors of others do not say; what they have is taken as it is. */
  function knowsUs(
    { fingerprint }: DeployedFunction,
    told: Parameters<typeof launchFingerprint>[0],
  ): boolean {
    return fingerprint === undefined || fingerprint === launchFingerprint(told);
  }

  async function save(identifier: string, launched: DeployedFunction, secret: string): Promise<void> {
    const url = readFunctionUrl(launched.url);
    await checkFunctionUrl(url, deps.urls);
    const before = await records.find(identifier);
    const row = {
      identifier,
      functionUrl: launched.url,
      functionName: launched.name,
      protocol: launched.protocol ?? before?.protocol ?? (await declaredProtocol(identifier)),
      // The one that the function knows, whatever the settings say later.
      signatureSecret: secret,
      checksum: requireIdentifier(identifier).checksum,
    };
    await changing(identifier, records.save(row));
    log.info("Function recorded", { plugin: identifier, function: launched.name, host: url.host });
  }

  /** A plugin that speaks the plain dialect on its pipes speaks it as a function, too. */
  async function declaredProtocol(identifier: string): Promise<FunctionProtocol> {
    const row = await deps.findDeclaration(identifier);
    return row ? readRunner(row.declaration.meta.runner).dialect : "sdk";
  }

  async function stop(identifier: string): Promise<void> {
    const runtime = runtimes.get(identifier);
    if (runtime) {
      runtimes.delete(identifier);
      leaving.add(runtime);
      try {
        await runtime.stop({ drainMs: deps.drainMs });
      } finally {
        leaving.delete(runtime);
      }
    }
    await changing(identifier, records.remove(identifier));
  }

  return {
    runtimeOf,
    ensureReady: (identifier, watch) => launch(identifier, { ...watch, anew: false }),
    relaunch: (identifier, watch) => launch(identifier, { ...watch, anew: true }),
    async switchEndpoint({ identifier, functionName, functionUrl, protocol, signatureSecret: secret }) {
      await checkFunctionUrl(readFunctionUrl(functionUrl), deps.urls);
      const row = await records.find(identifier);
      if (!row) throw new DaemonError("internal", "record not found");
      const changed = {
        ...row,
        functionName,
        functionUrl,
        protocol: protocol ?? row.protocol,
        signatureSecret: secret ?? row.signatureSecret,
      };
      await changing(identifier, records.save(changed));
    },
    stop,
    find: (identifier) => records.find(identifier),
    status: (identifier) => runtimes.get(identifier)?.status,
    openCall: (sessionId) => openCalls.get(sessionId),
    callbackSecret,
    async close({ drainMs }) {
      closing = true;
      await Promise.all([...runtimes.values(), ...leaving].map((runtime) => runtime.stop({ drainMs })));
    },
  };
}
