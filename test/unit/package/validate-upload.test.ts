import { describe, expect, test } from "bun:test";
import type { PluginDeclaration } from "../../../src/protocol/declaration.ts";
import { readPackage } from "../../../src/package/read-package.ts";
import { brokenRule, validateUpload } from "../../../src/package/validate-upload.ts";
import { tinyPackage } from "../../support/pack.ts";

const TAIL = "\nillegal plugin manifest\nfailed to decode package";

async function declaration(more: Partial<PluginDeclaration>, kinds: string[] = ["tool"]) {
  const read = await readPackage(tinyPackage(), { maxUncompressedBytes: 1e6, publicKeys: [] });
  const { tool: _, ...rest } = read.declaration;
  return { ...rest, ...Object.fromEntries(kinds.map((kind) => [kind, {}])), ...more };
}

describe("validateUpload()", () => {
  test("accepts what follows the rules", async () => {
    const plugin = { declaration: await declaration({}) };
    expect(() => validateUpload(plugin)).not.toThrow();
  });

  test.each(["0b9c3f3e-1111-4222-8333-444455556666", "0b9c3f3e111142228333444455556666"])(
    "refuses the author %p before anything else",
    async (author) => {
      const plugin = { declaration: await declaration({ author, name: "" }) };
      expect(() => validateUpload(plugin)).toThrow(/^cannot set author to an UUID$/);
    },
  );

  test("wraps a broken rule", async () => {
    const plugin = { declaration: await declaration({ author: "" }) };
    expect(() => validateUpload(plugin)).toThrow(
      `author must be alphanumeric and less than 64 characters: ^[a-z0-9_-]{1,64}$${TAIL}`,
    );
    expect(() => validateUpload(plugin)).toThrow(expect.objectContaining({ code: "bad_request" }));
  });
});

describe("brokenRule()", () => {
  test.each(["A", "ä", "a b", "a\n", "a".repeat(65)])("refuses the author %p", async (author) => {
    expect(brokenRule(await declaration({ author }))).toStartWith("author must be");
  });

  test.each(["A", "", "a.b", "a".repeat(129)])("refuses the name %p", async (name) => {
    expect(brokenRule(await declaration({ name }))).toStartWith("name must be");
  });

  test("wants at least one kind", async () => {
    expect(brokenRule(await declaration({}, []))).toBe(
      "at least one of endpoint, model, tool, agent_strategy, trigger, or datasource must be provided",
    );
  });

  const kinds = ["tool", "endpoint", "model", "agent_strategy", "datasource", "trigger"];
  test.each(kinds.flatMap((first) => kinds.filter((other) => other > first).map((other) => [first, other])))(
    "%s and %s may stand together only if they are tool and endpoint",
    async (first, other) => {
      const pair = [first, other];
      const rule = brokenRule(await declaration({}, pair));
      if (pair.includes("tool") && pair.includes("endpoint")) expect(rule).toBeUndefined();
      else expect(rule).toEndWith("cannot be provided at the same time");
    },
  );

  test("each kind may stand alone", async () => {
    for (const kind of kinds) expect(brokenRule(await declaration({}, [kind]))).toBeUndefined();
  });
});
