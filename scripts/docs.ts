#!/usr/bin/env bun
/**
 * Writes what is generated from the settings: the table in README.md (between its two markers) and .env.example.
 * With `--check` it writes nothing, and exits with 1 when one of them is stale.
 */
import { join, resolve } from "node:path";
import { type SettingRow, settingsTable } from "../src/config/settings-table.ts";

const START = "<!-- settings:start -->";
const END = "<!-- settings:end -->";

/** The tables of all settings in Markdown. */
export function renderSettings(): string {
  const tables = settingsTable().flatMap(({ title, rows }) => {
    const used = rows.filter((row) => !row.ignored);
    if (used.length === 0) return [];
    const lines = used.map(
      (row) => `| \`${row.name}\` | ${cell(defaultCell(row))} | ${cell(meaning(row))} |`,
    );
    return [`### ${title}\n\n| Variable | Default | Meaning |\n| --- | --- | --- |\n${lines.join("\n")}`];
  });
  return [
    "An empty variable counts as unset. Integers may be written as `0x…`, `0o…` or `0b…`; booleans are `true`, `false`, " +
      "`1`, `0`, `t` or `f`; a number that cannot sensibly be 0 takes 0 for its default. " +
      "All values that cannot be used are reported at once, and nothing starts.",
    ...tables,
    `### Accepted and without effect\n\nSo that the environment of another deployment can be used as it is:\n\n${ignoredList()}`,
  ].join("\n\n");
}

/** An environment file in which every line is commented out, because every default works. */
export function renderEnvExample(): string {
  const groups = settingsTable().flatMap(({ title, rows }) => {
    const used = rows.filter((row) => !row.ignored);
    if (used.length === 0) return [];
    return [`# --- ${title} ---\n\n${used.map(envEntry).join("\n\n")}`];
  });
  return `${[
    "# Settings of plugd with their defaults. Generated: change src/config/settings/ and run `bun run docs`.\n" +
      "# This file is read only when it is named: plugd start --env-file FILE",
    ...groups,
  ].join("\n\n")}\n`;
}

/** A README with its generated part renewed. Throws when the markers are not there. */
export function replaceSettings(readme: string, settings: string): string {
  const start = readme.indexOf(START);
  const end = readme.indexOf(END);
  if (start < 0 || end < start) throw new Error(`Cannot find "${START}" and "${END}" in README.md`);
  return `${readme.slice(0, start + START.length)}\n\n${settings}\n\n${readme.slice(end)}`;
}

function envEntry(row: SettingRow): string {
  const hint = row.literal || row.default === "" ? "" : `# Default: ${row.default}\n`;
  return `# ${meaning(row)}\n${hint}#${row.name}=${row.literal ? row.default : ""}`;
}

function meaning(row: SettingRow): string {
  return row.unit === undefined || row.unit === "entries" ? row.meaning : `${row.meaning} (${row.unit})`;
}

function defaultCell(row: SettingRow): string {
  if (!row.literal || row.default === "") return row.default;
  const items = row.default.split(",").map((item) => `\`${item}\``);
  return row.unit === "bytes" ? `${items.join(", ")} (${binarySize(Number(row.default))})` : items.join(", ");
}

function binarySize(bytes: number): string {
  return bytes % 1024 ** 2 === 0 ? `${bytes / 1024 ** 2} MiB` : `${bytes / 1024} KiB`;
}

function ignoredList(): string {
  return settingsTable()
    .flatMap(({ title, rows }) => {
      const names = rows.filter((row) => row.ignored).map((row) => `\`${row.name}\``);
      return names.length === 0 ? [] : [`- ${title}: ${names.join(", ")}`];
    })
    .join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

async function main(check: boolean): Promise<void> {
  const root = resolve(import.meta.dir, "..");
  const readmePath = join(root, "README.md");
  const readme = await Bun.file(readmePath).text();
  const documents: readonly (readonly [string, string])[] = [
    [readmePath, replaceSettings(readme, renderSettings())],
    [join(root, ".env.example"), renderEnvExample()],
  ];
  for (const [path, wanted] of documents) {
    const file = Bun.file(path);
    if ((await file.exists()) && (await file.text()) === wanted) continue;
    if (!check) {
      await Bun.write(path, wanted);
      continue;
    }
    console.error(`${path} is stale: run \`bun run docs\``);
    process.exitCode = 1;
  }
}

if (import.meta.main) await main(process.argv.includes("--check"));
