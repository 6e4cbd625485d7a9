import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { PluginPackage } from "../../src/package/package.ts";
import { chooseReadme, readmes } from "../../src/package/readmes.ts";
import { readPackage } from "../../src/package/read-package.ts";
import { remapAssets } from "../../src/package/remap-assets.ts";
import { validateUpload } from "../../src/package/validate-upload.ts";
import { rejection } from "../support/rejection.ts";

/** What the reference answered to uploads of the packages beside it; help texts of templates are taken out. */
interface Recorded {
  readonly uploaded: Readonly<
    Record<string, { readonly manifest: unknown; readonly unique_identifier: string }>
  >;
  readonly decoded: Readonly<Record<string, unknown>>;
  readonly refused: Readonly<Record<string, { readonly message: string; readonly exact: boolean }>>;
  readonly readmes: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const FOLDER = join(import.meta.dir, "../fixtures/package");
const recorded: Recorded = await Bun.file(join(FOLDER, "recorded.json")).json();

async function read(path: string): Promise<PluginPackage> {
  const bytes = await Bun.file(join(FOLDER, path)).bytes();
  return readPackage(bytes, { maxUncompressedBytes: 50 * 1024 * 1024, publicKeys: [] });
}

async function upload(path: string) {
  const plugin = await read(path);
  validateUpload(plugin);
  const { declaration } = remapAssets(plugin);
  return {
    manifest: declaration,
    unique_identifier: plugin.identifier.text,
    verification: plugin.verification,
  };
}

const json = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** Where `have` lacks something of `want`, or has it in another order; more keys are fine. */
function differences(want: unknown, have: unknown, at = ""): string[] {
  if (Array.isArray(want)) {
    if (!Array.isArray(have) || have.length !== want.length) return [`${at}: not ${want.length} items`];
    return want.flatMap((item, index) => differences(item, have[index], `${at}.${index}`));
  }
  if (!isObject(want)) return Object.is(want, have) ? [] : [`${at}: ${String(have)}, not ${String(want)}`];
  if (!isObject(have)) return [`${at}: no object`];
  const keys = Object.keys(want);
  const shared = Object.keys(have).filter((key) => key in want);
  const order = shared.join() === keys.join() ? [] : [`${at}: keys ${shared.join()}, not ${keys.join()}`];
  return [...order, ...keys.flatMap((key) => differences(want[key], have[key], `${at}.${key}`))];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

describe("packages that the reference takes", () => {
  const names = Object.keys(recorded.uploaded);

  test("every package has its answer", () => {
    expect(
      readdirSync(join(FOLDER, "good"))
        .filter((name) => name.endsWith(".difypkg"))
        .sort(),
    ).toEqual(names.sort());
  });

  test.each(names)("%s gives identifier and declaration of the recorded upload", async (name) => {
    expect(differences(recorded.uploaded[name], json(await upload(`good/${name}`)))).toEqual([]);
  });

  test.each(Object.keys(recorded.decoded))("%s decoded anew has its own asset names", async (name) => {
    const { declaration } = await read(`good/${name}`);
    expect(differences(recorded.decoded[name], json(declaration))).toEqual([]);
  });

  test.each(Object.keys(recorded.readmes))("%s has the recorded readmes", async (name) => {
    const found = readmes((await read(`good/${name}`)).files);
    expect(Object.fromEntries(found)).toEqual({ ...recorded.readmes[name] });
    expect(chooseReadme(found, "pt_BR")?.language).toBe("en_US");
  });

  test("keys that the reference drops are forwarded", async () => {
    const { manifest } = await upload("good/kitchen-tools.difypkg");
    expect(JSON.stringify(manifest.tool)).toContain(
      '"input_schema":{"type":"array","items":{"type":"string"}}',
    );
    expect(JSON.stringify(manifest.tool)).toContain('"show_on":[{"variable":"sel","value":"one"}]');
  });
});

describe("packages that the reference refuses", () => {
  test("every package has its answer", () => {
    const names = Object.keys(recorded.refused).filter((name) => !name.startsWith("../"));
    expect(readdirSync(join(FOLDER, "bad")).sort()).toEqual(names.sort());
  });

  test.each(Object.entries(recorded.refused))("%s", async (name, { message, exact }) => {
    const error = await rejection(upload(join("bad", name)));
    expect(error).toMatchObject({ name: "DaemonError", code: "bad_request" });
    // Where a parser or a zip reader speaks, the words are its own.
    if (exact) expect(error).toHaveProperty("message", message);
    // Its last line says which file it was about, or what failed.
    const last = message.split("\n").at(-1) ?? "";
    if (last.startsWith("failed")) expect(error).toHaveProperty("message", expect.stringContaining(last));
  });
});
