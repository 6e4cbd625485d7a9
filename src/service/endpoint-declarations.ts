import { isRecord } from "../lib/is-record.ts";
import type { PluginDeclaration } from "../protocol/declaration.ts";
import { readSettingFields, type SettingField } from "./endpoint-settings.ts";

/** What a version of a plugin declares about its endpoints. */
export interface EndpointDeclaration {
  /** The manifest asks for endpoints. */
  readonly permitted: boolean;
  /** Undefined when it has none. */
  readonly section: EndpointSection | undefined;
}

export interface EndpointSection {
  readonly fields: readonly SettingField[];
  /** As declared, for the platform and for lists. */
  readonly settings: readonly unknown[];
  /** As declared. */
  readonly endpoints: readonly unknown[];
}

/** Undefined when no declaration of that version is stored. */
export type FindEndpointDeclaration = (identifier: string) => Promise<EndpointDeclaration | undefined>;

export interface EndpointDeclarationsDeps {
  findDeclaration(identifier: string): Promise<{ readonly declaration: PluginDeclaration } | undefined>;
}

/** Versions that are remembered; beyond it everything is forgotten and read again. */
const MAX_VERSIONS = 1000;

/**
 * Remembers what it has read: every call of a hook asks, declarations are large, and what an identifier stands for never
 * changes.
 */
export function createEndpointDeclarations(deps: EndpointDeclarationsDeps): FindEndpointDeclaration {
  const known = new Map<string, EndpointDeclaration>();
  return async (identifier) => {
    const remembered = known.get(identifier);
    if (remembered) return remembered;
    const row = await deps.findDeclaration(identifier);
    if (!row) return undefined;
    const read = readEndpoints(row.declaration);
    if (known.size >= MAX_VERSIONS) known.clear();
    known.set(identifier, read);
    return read;
  };
}

function readEndpoints({ endpoint, resource }: PluginDeclaration): EndpointDeclaration {
  const permitted = resource.permission?.endpoint?.enabled === true;
  if (!isRecord(endpoint)) return { permitted, section: undefined };
  const settings = listOf(endpoint["settings"]);
  return {
    permitted,
    section: { fields: readSettingFields(settings), settings, endpoints: listOf(endpoint["endpoints"]) },
  };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
