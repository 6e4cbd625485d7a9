import type { PluginDeclaration, ProviderKind } from "../protocol/declaration.ts";
import type { Database } from "./database.ts";

/** A provider of a declaration, and where its object stands in the declaration's text, in bytes. */
export interface ProviderPlace {
  readonly kind: ProviderKind;
  readonly provider: string;
  readonly start: number;
  readonly length: number;
}

/** What lists need of a declaration, so that they need not read its text. Runs inside the transaction of the caller. */
export interface DeclarationFacts {
  /** @param text the declaration as it is stored */
  add(identifier: string, declaration: PluginDeclaration, text: string): void;
}

const KINDS: readonly ProviderKind[] = ["tool", "model", "agent_strategy", "datasource", "trigger"];

export function prepareFacts(database: Database): DeclarationFacts {
  const summary = database.prepare<never>(
    `INSERT INTO declaration_summaries (identifier, label, description, tags, meta, verified)
     VALUES ($identifier, $label, $description, $tags, $meta, $verified)`,
  );
  const provider = database.prepare<never>(
    `INSERT INTO declaration_providers (identifier, kind, provider, start, length)
     VALUES ($identifier, $kind, $provider, $start, $length)`,
  );
  return {
    add(identifier, declaration, text) {
      summary.run({
        identifier,
        label: JSON.stringify(declaration.label),
        description: JSON.stringify(declaration.description),
        tags: JSON.stringify(declaration.tags),
        meta: JSON.stringify(declaration.meta),
        verified: declaration.verified ? 1 : 0,
      });
      for (const place of findProviders(declaration, text)) provider.run({ identifier, ...place });
    },
  };
}

/** Finds the providers in the text that `JSON.stringify` made of the declaration. */
export function findProviders(declaration: PluginDeclaration, text: string): readonly ProviderPlace[] {
  const bytes = Buffer.from(text);
  return KINDS.flatMap((kind) => {
    const object = declaration[kind];
    if (!object) return [];
    // The same text elsewhere would be as good: it is the same object.
    const member = Buffer.from(JSON.stringify(object));
    return [{ kind, provider: nameOf(object), start: bytes.indexOf(member), length: member.length }];
  });
}

/** Model providers have their name at the top, the others in their identity (contract/http-api, appendix A). */
function nameOf(object: Readonly<Record<string, unknown>>): string {
  const identity = object["identity"];
  const name =
    typeof identity === "object" && identity !== null && "name" in identity
      ? identity.name
      : object["provider"];
  return typeof name === "string" ? name : "";
}
