import { type Goal, isReached, type Measure, type Unit } from "./measure.ts";

const HEAD = ["", "measure", "held against", "plugd", "share", "goal", "reached", ""] as const;
/** Numbers are read from their right end. */
const RIGHT: ReadonlySet<string> = new Set(["held against", "plugd", "share", "goal"]);

/** The measures as a text table, each line below the letter of its measurement. */
export function formatTable(rows: readonly (Measure & { readonly part: string })[]): string {
  const cells = rows.map((row) => [
    row.part,
    row.what,
    row.bare === undefined ? "" : formatValue(row.bare, row.unit),
    formatValue(row.plugd, row.unit),
    row.share === undefined ? "" : row.share.toFixed(2),
    row.goal === undefined ? "" : formatGoal(row.goal, row.unit),
    { true: "yes", false: "NO", undefined: "" }[`${isReached(row)}`] ?? "",
    row.detail ?? "",
  ]);
  const lines = [HEAD, ...cells];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => {
          const width = widths[column] ?? 0;
          return RIGHT.has(HEAD[column] ?? "") ? cell.padStart(width) : cell.padEnd(width);
        })
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** With three digits that mean something: `9,380 req/s`, `724 k items/s`, `4.11 s`, `38.2 µs`. */
export function formatValue(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return "?";
  if (unit === "items/s" && value >= 10_000) return `${formatNumber(value / 1000)} k ${unit}`;
  return `${formatNumber(value)} ${unit}`;
}

function formatNumber(value: number): string {
  const digits = Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function formatGoal({ of, kind, limit }: Goal, unit: Unit): string {
  return `${kind === "at least" ? "≥" : "≤"} ${of === "share" ? limit.toFixed(2) : formatValue(limit, unit)}`;
}
