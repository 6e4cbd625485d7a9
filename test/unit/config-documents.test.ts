import { describe, expect, test } from "bun:test";
import { renderEnvExample, renderSettings, replaceSettings } from "../../scripts/docs.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import { secretVariables, settingsTable } from "../../src/config/settings-table.ts";

const rows = settingsTable().flatMap((group) => group.rows);

describe("settingsTable()", () => {
  test("has every variable once, with a meaning of one line", () => {
    expect(new Set(rows.map((row) => row.name)).size).toBe(rows.length);
    expect(rows.filter((row) => row.meaning === "" || row.meaning.includes("\n"))).toEqual([]);
  });

  test("shows defaults that parse to themselves", () => {
    const literal = rows.filter((row) => row.literal && row.default !== "");
    const env = Object.fromEntries(literal.map((row) => [row.name, row.default]));
    expect(literal.length).toBeGreaterThan(40);
    expect(parseConfig(env).config).toEqual(parseConfig({}).config);
  });

  test("marks every variable named like a secret as one", () => {
    const named = rows.filter((row) => /(_KEY|PASSWORD|SECRET|CREDENTIALS|DSN)$/.test(row.name));
    expect(named.filter((row) => !row.secret)).toEqual([]);
    expect(secretVariables()).toContain("SERVER_KEY");
    expect(secretVariables()).toContain("DB_PASSWORD");
    expect(secretVariables()).not.toContain("SERVER_PORT");
  });
});

describe("renderSettings()", () => {
  const text = renderSettings();
  test("has a row for what has an effect, and a list for what has none", () => {
    expect(text).toContain("| `SERVER_PORT` | `5002` | Port of the HTTP API |");
    expect(text).toContain("| `MAX_PLUGIN_PACKAGE_SIZE` | `52428800` (50 MiB) |");
    expect(text).not.toContain("| `DB_TYPE` |");
    expect(text.slice(text.indexOf("without effect"))).toContain("`DB_TYPE`");
  });
  test("names every variable", () => {
    expect(rows.filter((row) => !text.includes(`\`${row.name}\``))).toEqual([]);
  });
});

test("renderEnvExample() sets nothing, and gives the defaults when its comment signs are removed", () => {
  const lines = renderEnvExample().split("\n");
  expect(lines.filter((line) => line !== "" && !line.startsWith("#"))).toEqual([]);
  const settings = lines.flatMap((line) => /^#([A-Z_0-9]+)=(.*)$/.exec(line)?.slice(1, 3) ?? []);
  const env: Record<string, string> = {};
  for (let at = 0; at < settings.length; at += 2) env[settings[at] ?? ""] = settings[at + 1] ?? "";
  expect(Object.keys(env).length).toBe(rows.filter((row) => !row.ignored).length);
  expect(parseConfig(env).config).toEqual(parseConfig({}).config);
});

describe("replaceSettings()", () => {
  test("renews what is between the markers, and only that", () => {
    const readme = "top\n<!-- settings:start -->\nold\n<!-- settings:end -->\nend\n";
    const renewed = "top\n<!-- settings:start -->\n\nnew\n\n<!-- settings:end -->\nend\n";
    expect(replaceSettings(readme, "new")).toBe(renewed);
    expect(replaceSettings(renewed, "new")).toBe(renewed);
  });
  test("refuses a README without them", () => {
    expect(() => replaceSettings("nothing", "new")).toThrow("settings:start");
  });
});
