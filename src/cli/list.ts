import { Command } from "commander";
import { type CliIo, forOutput } from "./cli-io.ts";
import type { ConnectionFlags } from "./connection.ts";
import { connect, withConnectionOptions } from "./connection-options.ts";
import { formatTable } from "./format.ts";
import { listRuntimes } from "./runtime-switch.ts";
import { type InstalledPlugin, listInstalled } from "./installed-plugin.ts";

interface ListFlags extends ConnectionFlags {
  readonly json?: true;
}

export function listCommand(io: CliIo): Command {
  return withConnectionOptions(new Command("list"))
    .description("show what is installed")
    .option("--json", "print what the API answers, as one JSON array")
    .action((flags: ListFlags) => list(flags, io));
}

async function list(flags: ListFlags, io: CliIo): Promise<void> {
  const client = connect(flags, io);
  const { plugins, raw } = await listInstalled(client);
  if (flags.json) return io.stdout.write(`${JSON.stringify(raw, null, 2)}\n`);
  if (plugins.length === 0)
    return io.stderr.write(`Nothing is installed; "${io.program} install FILE.difypkg" changes that\n`);
  const runtimes = await listRuntimes(client);
  const rows = plugins.map((plugin) => {
    const why = runtimes.get(plugin.plugin_id)?.reason ?? "";
    return [plugin.plugin_id, plugin.version, plugin.runtime_type, why, provides(plugin.declaration)];
  });
  // Daemons that do not tell why have no such column.
  const told = rows.some(([, , , why]) => why !== "");
  const shown = [["PLUGIN", "VERSION", "RUNTIME", "WHY", "PROVIDES"], ...rows].map((row) =>
    row.filter((_, column) => told || column !== 3),
  );
  const table = formatTable(shown);
  io.stdout.write(forOutput(table, io.stdout));
}

/** What can be called, by name where names are short and few, else counted. */
function provides(declaration: InstalledPlugin["declaration"]): string {
  const parts: string[] = [];
  const named = (
    kind: string,
    items: readonly { readonly identity: { readonly name: string } }[] | undefined,
  ) => {
    if (items && items.length > 0)
      parts.push(`${kind} ${items.map((item) => item.identity.name).join(", ")}`);
  };
  const counted = (kind: string, items: readonly unknown[] | null | undefined) => {
    if (items && items.length > 0) parts.push(`${items.length} ${kind}${items.length === 1 ? "" : "s"}`);
  };
  named("tools:", declaration.tool?.tools);
  counted("model", declaration.model?.models);
  if (declaration.model && !declaration.model.models?.length) parts.push("models");
  named("strategies:", declaration.agent_strategy?.strategies);
  named("datasources:", declaration.datasource?.datasources);
  named("events:", declaration.trigger?.events);
  counted("endpoint", declaration.endpoint?.endpoints);
  return parts.join("; ");
}
