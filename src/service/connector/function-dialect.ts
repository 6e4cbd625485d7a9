import type { PluginDeclaration } from "../../protocol/declaration.ts";

/** How a plugin is spoken to, as its manifest says (contract/plain-protocol). */
export interface FunctionDialect {
  readonly form: "sdk" | "plain";
  /** It answers heartbeats; only looked at where it is plain. */
  readonly heartbeat: boolean;
}

/** `meta.runner.protocol` and `meta.runner.heartbeat`; the SDK's form unless it says `plain`. */
export function dialectOf({ meta: { runner } }: Pick<PluginDeclaration, "meta">): FunctionDialect {
  const fields: Readonly<Record<string, unknown>> = { ...runner };
  return {
    form: fields["protocol"] === "plain" ? "plain" : "sdk",
    heartbeat: fields["heartbeat"] !== false,
  };
}
