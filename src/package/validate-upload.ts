import { DaemonError } from "../protocol/daemon-error.ts";
import type { PluginDeclaration } from "../protocol/declaration.ts";
import { isRemoteLike } from "../protocol/identifier.ts";
import { readRunner } from "../protocol/runner.ts";
import type { PluginPackage } from "./package.ts";

const AUTHOR = /^[a-z0-9_-]{1,64}$/;
const NAME = /^[a-z0-9_-]{1,128}$/;
/** As they are listed in messages; the first two may stand together, the others only alone. */
const KINDS = ["tool", "endpoint", "model", "agent_strategy", "datasource", "trigger"] as const;
const ALONE: readonly (readonly [(typeof KINDS)[number], string])[] = [
  ["model", "datasource, tool, endpoint, trigger, or agent_strategy"],
  ["agent_strategy", "datasource, tool, endpoint, trigger, or model"],
  ["datasource", "agent_strategy, tool, endpoint, trigger, or model"],
  ["trigger", "agent_strategy, tool, endpoint, datasource, or model"],
];

/**
 * What an upload checks on a package that was read: its author is no UUID, then the rules between the keys of the
 * manifest (contract/plugin-package 1.5), at last how it wants to be run. Throws `bad_request`.
 */
export function validateUpload(plugin: Pick<PluginPackage, "declaration">): void {
  if (isRemoteLike(plugin.declaration.author))
    throw new DaemonError("bad_request", "cannot set author to an UUID");
  const broken = brokenRule(plugin.declaration);
  if (broken)
    throw new DaemonError("bad_request", `${broken}\nillegal plugin manifest\nfailed to decode package`);
  // The reference knows none of what this reads; a plugin that asks for it has to say it right.
  readRunner(plugin.declaration.meta.runner);
}

/** The first of the cross rules that a declaration breaks, in the words of the reference; undefined if none. */
export function brokenRule(declaration: PluginDeclaration): string | undefined {
  if (!AUTHOR.test(declaration.author))
    return `author must be alphanumeric and less than 64 characters: ${AUTHOR.source}`;
  if (!NAME.test(declaration.name))
    return `name must be alphanumeric and less than 128 characters: ${NAME.source}`;
  const present = KINDS.filter((kind) => declaration[kind] !== undefined);
  if (present.length === 0)
    return "at least one of endpoint, model, tool, agent_strategy, trigger, or datasource must be provided";
  const [kind, others] = ALONE.find(([kind]) => present.includes(kind)) ?? [];
  return kind && present.length > 1 ? `${kind} and ${others} cannot be provided at the same time` : undefined;
}
