#!/usr/bin/env bun
/** The one gate: formatting, lint, types, dead code, generated documents, tests. Stops at the first that fails. */
const bun = process.execPath;
const steps: readonly (readonly [string, readonly string[]])[] = [
  ["format", [bun, "fmt", "--no-script", "--check", "src", "test", "scripts"]],
  ["types", [bun, "check", "--no-script"]],
  ["lint", [bun, "x", "oxlint", "--type-aware", "--deny-warnings", "src", "test", "scripts"]],
  ["dead code", [bun, "x", "knip"]],
  ["generated documents", [bun, "scripts/docs.ts", "--check"]],
  ["tests", [bun, "scripts/test.ts"]],
];

const only = new Set(process.argv.slice(2));
for (const [name, command] of steps) {
  if (only.size > 0 && !only.has(name)) continue;
  const began = performance.now();
  const child = Bun.spawn([...command], { stdio: ["ignore", "inherit", "inherit"] });
  const code = await child.exited;
  console.error(
    `${code === 0 ? "ok" : "FAILED"}: ${name} (${((performance.now() - began) / 1000).toFixed(1)} s)`,
  );
  if (code !== 0) process.exit(code);
}
