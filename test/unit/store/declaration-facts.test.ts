import { Database as Sqlite } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { createDatabase } from "../../../src/store/database.ts";
import { findProviders, prepareFacts } from "../../../src/store/declaration-facts.ts";
import { MIGRATIONS, migrate } from "../../../src/store/migrate.ts";
import { declarationOf } from "./test-store.ts";

const KINDS = ["tool", "model", "agent_strategy", "datasource", "trigger"] as const;
const TABLES = ["declaration_summaries", "declaration_providers"];

/** Declarations with providers of any content, some of it like the declaration around it. */
const declarations = fc
  .record({
    kinds: fc.uniqueArray(fc.constantFrom(...KINDS)),
    name: fc.string({ unit: "grapheme" }),
    content: fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue({ noUnicodeString: false })),
    label: fc.string({ unit: "grapheme" }),
    verified: fc.boolean(),
  })
  .map(({ kinds, name, content, label, verified }) => {
    const provider = { ...content, identity: { name }, provider: name };
    return declarationOf(name, {
      label: { en_US: label, zh_Hans: "标签" },
      tags: [label],
      verified,
      decoy: { tool: provider, model: label },
      ...Object.fromEntries(kinds.map((kind) => [kind, provider])),
    });
  });

describe("findProviders()", () => {
  test("finds the bytes of every provider, whatever stands around it", () => {
    fc.assert(
      fc.property(declarations, (declaration) => {
        const text = JSON.stringify(declaration);
        const bytes = Buffer.from(text);
        const found = findProviders(declaration, text);
        expect(found.map(({ kind }) => kind)).toEqual(
          KINDS.filter((kind) => declaration[kind] !== undefined),
        );
        for (const { kind, start, length } of found)
          expect(bytes.toString("utf8", start, start + length)).toBe(JSON.stringify(declaration[kind]));
      }),
    );
  });

  test("takes the name of a model provider from its top, and of others from their identity", () => {
    const declaration = declarationOf("x", {
      model: { provider: "m" },
      tool: { identity: { name: "t" } },
      trigger: {},
    });
    const names = findProviders(declaration, JSON.stringify(declaration)).map(({ kind, provider }) => [
      kind,
      provider,
    ]);
    expect(names).toEqual([
      ["tool", "t"],
      ["model", "m"],
      ["trigger", ""],
    ]);
  });
});

test("the second migration notes of older rows what saving notes of new ones", () => {
  fc.assert(
    fc.property(declarations, (declaration) => {
      const text = JSON.stringify(declaration);
      const migrated = new Sqlite(":memory:", { strict: true });
      migrate(migrated, { path: "x.db", migrations: MIGRATIONS.slice(0, 1) });
      saveRow(migrated, text);
      migrate(migrated, { path: "x.db", migrations: MIGRATIONS.slice(0, 2) });
      const saved = new Sqlite(":memory:", { strict: true });
      migrate(saved, { path: "x.db", migrations: MIGRATIONS.slice(0, 2) });
      saveRow(saved, text);
      prepareFacts(createDatabase(saved, "x.db")).add("a", declaration, text);
      for (const table of TABLES)
        expect(migrated.query(`SELECT * FROM ${table} ORDER BY 1, 2`).all()).toEqual(
          saved.query(`SELECT * FROM ${table} ORDER BY 1, 2`).all(),
        );
      migrated.close();
      saved.close();
    }),
    { numRuns: 50 },
  );
});

function saveRow(sqlite: Sqlite, text: string): void {
  sqlite.run("INSERT INTO declarations VALUES ('a', 'a', 'tool', NULL, 1, 1, ?)", [text]);
}
