import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

/** What each layer may import (ARCHITECTURE.md). `daemon.ts` and `main.ts` may import everything. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  lib: [],
  config: ["lib"],
  protocol: ["lib"],
  package: ["lib", "protocol"],
  transport: ["lib", "protocol"],
  store: ["lib", "protocol"],
  blob: ["lib", "protocol"],
  dify: ["lib", "protocol"],
  session: ["lib", "protocol", "transport", "dify"],
  runtime: ["lib", "protocol", "package", "transport", "session"],
  service: ["lib", "protocol", "package", "store", "blob", "dify", "session", "runtime"],
  http: ["lib", "protocol", "service"],
  cli: ["lib", "protocol", "service"],
  console: ["lib", "protocol", "service"],
  telemetry: ["lib", "protocol", "service"],
};
/** Above this a file has more than one reason to change. */
const MAX_LINES = 400;

const root = resolve(import.meta.dir, "..");
const src = join(root, "src");
const files = [...new Bun.Glob("**/*.ts").scanSync(src)].sort();

function layerOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : "daemon";
}

function imports(text: string): string[] {
  return [
    ...text.matchAll(/^(?:import|export)\s[^;]*?from\s+"([^"]+)"/gms),
    ...text.matchAll(/\bimport\("([^"]+)"\)/g),
  ].map((match) => match[1] ?? "");
}

test("imports point down the layers", () => {
  const broken: string[] = [];
  for (const file of files) {
    const layer = layerOf(file);
    if (layer === "daemon") continue;
    for (const target of imports(readFileSync(join(src, file), "utf8"))) {
      if (!target.startsWith(".")) continue;
      const path = relative(src, resolve(dirname(join(src, file)), target));
      const other = layerOf(path);
      if (other !== layer && !(MAY_IMPORT[layer] ?? []).includes(other))
        broken.push(`src/${file} imports ${path}`);
    }
  }
  expect(broken).toEqual([]);
});

test("every folder of src is a known layer", () => {
  expect(
    [...new Set(files.map(layerOf))].filter((layer) => layer !== "daemon" && !(layer in MAY_IMPORT)),
  ).toEqual([]);
});

test("only main.ts touches process.env", () => {
  const broken = files.filter(
    (file) => file !== "main.ts" && /\b(process|Bun)\.env\b/.test(readFileSync(join(src, file), "utf8")),
  );
  expect(broken).toEqual([]);
});

test("SQL stays in store", () => {
  const broken = files.filter(
    (file) => layerOf(file) !== "store" && readFileSync(join(src, file), "utf8").includes("bun:sqlite"),
  );
  expect(broken).toEqual([]);
});

test("no file is longer than the limit, no barrel, no name that says nothing", () => {
  const broken: string[] = [];
  for (const file of files) {
    const text = readFileSync(join(src, file), "utf8");
    const lines = text.split("\n").length;
    if (lines > MAX_LINES) broken.push(`src/${file} has ${lines} lines`);
    if (/(^|\/)(index|utils?|helpers?|manager|common|misc)\.ts$/.test(file))
      broken.push(`src/${file} is no name`);
    if (!/^[a-z0-9./-]+$/.test(file)) broken.push(`src/${file} is not kebab-case`);
    if (/^export \* from/m.test(text)) broken.push(`src/${file} is a barrel`);
  }
  expect(broken).toEqual([]);
});

test("no enum, namespace, any-cast or suppressed check", () => {
  const broken: string[] = [];
  for (const file of files) {
    const text = readFileSync(join(src, file), "utf8");
    for (const pattern of [
      /^\s*(export )?(const )?enum /m,
      /^\s*(export )?namespace /m,
      /\bas any\b/,
      /@ts-(ignore|nocheck|expect-error)/,
    ])
      if (pattern.test(text)) broken.push(`src/${file}: ${pattern.source}`);
  }
  expect(broken).toEqual([]);
});
