import { DaemonError } from "../../protocol/daemon-error.ts";
import type { PluginDeclaration } from "../../protocol/declaration.ts";
import { type Decoder } from "../yaml/decode.ts";
import { agentStrategyProvider } from "./agent-strategy.ts";
import { completeDeclaration } from "./assemble.ts";
import { datasourceProvider } from "./datasource.ts";
import { endpointProvider } from "./endpoint.ts";
import { jsonNode } from "./json-node.ts";
import { manifest } from "./manifest.ts";
import { type Manifest, manifestProblems } from "./manifest-problems.ts";
import { modelProvider } from "./model-provider.ts";
import { providerProblems } from "./provider-problems.ts";
import { toolProvider } from "./tool.ts";
import { triggerProvider } from "./trigger.ts";

/** Kinds of providers, as keys of a declaration. */
export type TransmittedKind = "tool" | "model" | "endpoint" | "agent_strategy" | "datasource" | "trigger";

const PROVIDERS = {
  tool: toolProvider,
  model: modelProvider,
  endpoint: endpointProvider,
  agent_strategy: agentStrategyProvider,
  datasource: datasourceProvider,
  trigger: triggerProvider,
} as const;

/** What a client has declared so far: a manifest, and of each kind at most one provider, checked. */
export interface Transmitted {
  readonly manifest: Manifest;
  readonly providers: {
    readonly [K in TransmittedKind]?: ReturnType<(typeof PROVIDERS)[K]>;
  };
}

/** A manifest as JSON (contract/plugin-package 2.10), by the strict rules. Throws `bad_request` with all that is wrong. */
export function decodeTransmittedManifest(data: unknown): Manifest {
  const decoded = decodeJson(data, manifest);
  refuse(manifestProblems(decoded));
  return decoded;
}

/** `providers` with one more: a provider of a kind as JSON. Throws `bad_request` with all that is wrong. */
export function withTransmittedProvider(
  providers: Transmitted["providers"],
  kind: TransmittedKind,
  data: unknown,
): Transmitted["providers"] {
  const decoded = decodeJson<unknown>(data, PROVIDERS[kind]);
  refuse(providerProblems(kind, decoded));
  return { ...providers, [kind]: decoded };
}

/** A whole declaration as JSON, providers and all. Throws `bad_request` with all that is wrong. */
export function decodeTransmittedDeclaration(data: unknown): Transmitted {
  const { tool, model, endpoint, agent_strategy, datasource, trigger, ...rest } = decodeJson(data, manifest);
  const providers = { tool, model, endpoint, agent_strategy, datasource, trigger };
  refuse([
    ...manifestProblems(rest),
    ...Object.entries(PROVIDERS).flatMap(([name]) => {
      const kind = kindOf(name);
      const provider = kind && providers[kind];
      return provider ? providerProblems(kind, provider) : [];
    }),
  ]);
  return { manifest: rest, providers: present(providers) };
}

/** The declaration as the API shows it, with the names of icons (contract/plugin-package 2.9). */
export function assembleTransmitted({ manifest: top, providers }: Transmitted): Promise<PluginDeclaration> {
  return completeDeclaration({ ...top, ...providers }, { verified: false });
}

function kindOf(name: string): TransmittedKind | undefined {
  return TRANSMITTED_KINDS.find((kind) => kind === name);
}

const TRANSMITTED_KINDS: readonly TransmittedKind[] = [
  "tool",
  "model",
  "endpoint",
  "agent_strategy",
  "datasource",
  "trigger",
];

function present(given: {
  readonly [K in TransmittedKind]: ReturnType<(typeof PROVIDERS)[K]> | undefined;
}): Transmitted["providers"] {
  const { tool, model, endpoint, agent_strategy, datasource, trigger } = given;
  return {
    ...(tool && { tool }),
    ...(model && { model }),
    ...(endpoint && { endpoint }),
    ...(agent_strategy && { agent_strategy }),
    ...(datasource && { datasource }),
    ...(trigger && { trigger }),
  };
}

function decodeJson<T>(data: unknown, decoder: Decoder<T>): T {
  const context = { errors: [] };
  let decoded: T;
  try {
    decoded = decoder(jsonNode(data), context);
  } catch (cause) {
    if (!(cause instanceof DaemonError)) throw cause;
    throw new DaemonError("bad_request", withoutLine(cause.message), { cause });
  }
  refuse(context.errors.map(withoutLine));
  return decoded;
}

/** What is JSON has no lines to look up. */
function withoutLine(problem: string): string {
  return problem.replace(/^line \d+: /, "");
}

function refuse(problems: readonly string[]): void {
  if (problems.length > 0) throw new DaemonError("bad_request", problems.join("; "));
}
