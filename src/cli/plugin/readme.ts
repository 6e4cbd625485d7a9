import { resolve } from "node:path";
import { Command } from "commander";
import { readmesOfSource } from "../../service/author/plugin-source.ts";
import { type CliIo, forOutput } from "../cli-io.ts";

const HEAD = ["language-code", "language", "available"] as const;
const NAMES: ReadonlyMap<string, string> = new Map([
  ["en_US", "English"],
  ["zh_Hans", "简体中文"],
  ["ja_JP", "日本語"],
  ["pt_BR", "Português"],
]);

export function readmeCommand(io: CliIo): Command {
  return new Command("readme").description("look at the readmes of a plugin").addCommand(
    new Command("list")
      .description("list the languages in which a plugin has a readme")
      .argument("<path>", "the folder of the plugin, or a .difypkg file")
      .action(async (path: string) => {
        const languages = [...(await readmesOfSource(resolve(io.cwd, path))).keys()].sort();
        io.stdout.write(forOutput(readmeTable(languages), io.stdout));
      }),
  );
}

/** A row for each language: its code, its own name (`unknown` for one that Dify does not offer), a tick. */
export function readmeTable(languages: readonly string[]): string {
  const rows = languages.map((code) => [code, NAMES.get(code) ?? "unknown", "✅"]);
  const widths = HEAD.map((title, column) =>
    Math.max(...[title, ...rows.map((row) => row[column] ?? "")].map((text) => Bun.stringWidth(text))),
  );
  const line = (cells: readonly string[]) =>
    `${cells
      .map((cell, column) => cell + " ".repeat(Math.max(0, (widths[column] ?? 0) - Bun.stringWidth(cell))))
      .join("  ")
      .trimEnd()}\n`;
  return [HEAD, widths.map((width) => "-".repeat(width)), ...rows].map(line).join("");
}
