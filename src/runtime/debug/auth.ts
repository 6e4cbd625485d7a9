import { errorMessage } from "../../lib/describe-error.ts";
import { decodeTransmittedDeclaration, assembleTransmitted } from "../../package/declaration/transmitted.ts";
import { withoutIcons } from "../../package/remap-assets.ts";
import type { PluginDeclaration } from "../../protocol/declaration.ts";
import { type DebuggedPlugin, identified } from "./debugged-plugin.ts";

/** What a tenant has under a plugin id. */
export interface InstalledDeclaration {
  /** Icons are asset ids. */
  readonly declaration: PluginDeclaration;
  readonly assetIds: readonly string[];
}

/** Why an `auth` was refused. */
export type AuthCode =
  | "INVALID_MESSAGE"
  | "INVALID_API_KEY"
  | "RATE_LIMITED"
  | "SERVER_BUSY"
  | "PLUGIN_NOT_FOUND"
  | "INVALID_DECLARATION"
  | "INVALID_PLUGIN_ID"
  | "INTERNAL_ERROR";

/** The first line of a plain client (contract/plain-protocol 5). */
export interface AuthMessage {
  readonly apiKey: string;
  readonly pluginId: string | undefined;
  /** Of an earlier `auth_success`: the client comes back. */
  readonly sessionId: string | undefined;
  /** In place of what is installed. */
  readonly declaration: unknown;
  /** A helper of a plugin rather than a plugin. */
  readonly helper: boolean;
}

/** Undefined where the message lacks what it needs, or has it in another type. */
export function decodeAuth(message: Readonly<Record<string, unknown>>): AuthMessage | undefined {
  const { api_key: apiKey, plugin_id: pluginId, session_id: sessionId, declaration, channel } = message;
  if (typeof apiKey !== "string" || apiKey === "") return undefined;
  if (!isOptionalText(pluginId) || !isOptionalText(sessionId)) return undefined;
  if (pluginId === undefined && sessionId === undefined && declaration === undefined) return undefined;
  return {
    apiKey,
    pluginId,
    sessionId,
    declaration: declaration ?? undefined,
    helper: channel === "helper",
  };
}

export function authSuccess(sessionId: string): string {
  return `${JSON.stringify({ type: "auth_success", session_id: sessionId })}\n`;
}

export function authFailed(code: AuthCode, message: string): string {
  return `${JSON.stringify({ type: "auth_failed", error: { type: "AuthenticationError", message, code } })}\n`;
}

/** The plugin that an `auth` names, or why there is none. */
export type NamedPlugin =
  | { readonly kind: "plugin"; readonly plugin: DebuggedPlugin }
  | { readonly kind: "refused"; readonly code: AuthCode; readonly message: string };

export async function pluginOfAuth(
  auth: Pick<AuthMessage, "pluginId" | "declaration">,
  tenant: {
    readonly tenantId: string;
    readonly installed: (pluginId: string) => Promise<InstalledDeclaration | undefined>;
  },
): Promise<NamedPlugin> {
  const { tenantId } = tenant;
  const { pluginId } = auth;
  const installed = pluginId === undefined ? undefined : await tenant.installed(pluginId);
  if (auth.declaration === undefined) {
    if (!installed)
      return refused(
        "PLUGIN_NOT_FOUND",
        `Plugin ${JSON.stringify(pluginId ?? "")} is not installed: install it, or send its declaration along`,
      );
    return { kind: "plugin", plugin: identified({ tenantId, assets: new Map(), ...installed }) };
  }
  try {
    const transmitted = decodeTransmittedDeclaration(auth.declaration);
    // No files come with an `auth`.
    const plugin = identified({
      tenantId,
      assets: new Map(),
      assetIds: [],
      declaration: withoutIcons(await assembleTransmitted(transmitted)),
    });
    const declared = plugin.identifier;
    if (pluginId !== undefined && pluginId !== declared.pluginId && pluginId !== declared.name)
      return refused(
        "INVALID_PLUGIN_ID",
        `The declaration is of plugin "${declared.pluginId}", not of ${JSON.stringify(pluginId)}`,
      );
    return { kind: "plugin", plugin };
  } catch (cause) {
    return refused("INVALID_DECLARATION", errorMessage(cause));
  }
}

function refused(code: AuthCode, message: string): NamedPlugin {
  return { kind: "refused", code, message };
}

/** Null is as good as left out. */
function isOptionalText(value: unknown): value is string | undefined {
  return value === undefined || typeof value === "string";
}
