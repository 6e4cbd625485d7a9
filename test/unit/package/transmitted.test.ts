import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseExact } from "../../../src/lib/exact-json.ts";
import {
  assembleTransmitted,
  decodeTransmittedDeclaration,
  decodeTransmittedManifest,
  withTransmittedProvider,
} from "../../../src/package/declaration/transmitted.ts";
import { readPackage } from "../../../src/package/read-package.ts";
import { withoutIcons } from "../../../src/package/remap-assets.ts";
import { manifestMessage, toolMessage } from "../../support/debug-client.ts";
import { rejection } from "../../support/rejection.ts";

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const FOLDER = join(import.meta.dir, "../../fixtures/package/good");
const PACKAGES = readdirSync(FOLDER).filter((name) => name.startsWith("kitchen-"));

describe("a declaration that comes over the wire", () => {
  test.each(PACKAGES)("is what %s declares", async (name) => {
    const pkg = await readPackage(readFileSync(join(FOLDER, name)), {
      maxUncompressedBytes: 100_000_000,
      publicKeys: [],
    });
    const text = JSON.stringify(pkg.declaration);
    const assembled = await assembleTransmitted(decodeTransmittedDeclaration(parseExact(text).exact));
    // Both are remapped before anybody sees them.
    expect(plain(withoutIcons(assembled))).toEqual(plain(withoutIcons(pkg.declaration)));
  });

  test("keeps every digit of numbers that nobody looks at", async () => {
    const parsed = parseExact(
      JSON.stringify(toolMessage().data[0]).replace(
        '"parameters":[]',
        '"parameters":[{"name":"n","type":"number","default":12345678901234567890}]',
      ),
    );
    const manifest = decodeTransmittedManifest(manifestMessage().data);
    const providers = withTransmittedProvider({}, "tool", parsed.exact);
    const text = JSON.stringify(await assembleTransmitted({ manifest, providers }));
    expect(text).toContain('"default":12345678901234567890');
  });

  test("takes what it lacks from its manifest", async () => {
    const [tool] = toolMessage({
      identity: { author: "tests", name: "fake", label: { en_US: "Fake" }, icon: "icon.svg" },
    }).data;
    const assembled = await assembleTransmitted({
      manifest: decodeTransmittedManifest(manifestMessage({ tags: ["search"] }).data),
      providers: withTransmittedProvider({}, "tool", tool),
    });
    expect(assembled.tool).toMatchObject({
      identity: { description: { en_US: "By hand" }, tags: ["search"] },
    });
  });

  test("is refused with all that is wrong in it", async () => {
    const broken = { ...manifestMessage({ name: "" }).data, tool: { identity: { name: "a b" } }, model: {} };
    expect(await rejection(Promise.resolve().then(() => decodeTransmittedDeclaration(broken)))).toMatchObject(
      {
        code: "bad_request",
        message:
          'name: is missing; identity.name: must be of letters, digits, "_" and "-", not "a b"; identity.author: is missing; ' +
          "identity.label.en_US: is missing; provider: is missing; label.en_US: is missing",
      },
    );
  });
});
