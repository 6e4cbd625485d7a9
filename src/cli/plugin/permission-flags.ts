import { type Command, InvalidArgumentError, Option } from "commander";
import { PERMISSIONS, type Permissions, togglePermission } from "../../service/author/plugin-permissions.ts";

/** Flags that allow something; undefined where one was not given. */
export type PermissionFlags = Readonly<Record<string, unknown>>;

const FLAGS = PERMISSIONS.map(({ name, label }) => ({
  name,
  label,
  flag: `allow-${name.replaceAll("_", "-")}`,
  key: `allow-${name.replaceAll("_", "-")}`.replaceAll(/-([a-z])/g, (_, letter: string) =>
    letter.toUpperCase(),
  ),
}));

/** Adds `--allow-tool` and the others, with `--no-allow-tool` to take it back. */
export function withPermissionFlags(command: Command): Command {
  for (const { flag, label } of FLAGS)
    command.option(`--${flag}`, label).addOption(new Option(`--no-${flag}`).hideHelp());
  return command
    .option("--storage-size <bytes>", "limit of what the plugin may keep", parseBytes)
    .addHelpText("after", "\nEvery --allow-… has its --no-allow-….");
}

/** The permissions after what the flags say. Kinds of models bring `model` with them. */
export function applyPermissionFlags(before: Permissions, flags: PermissionFlags): Permissions {
  let permissions = before;
  for (const { name, key } of FLAGS) {
    const wanted = flags[key];
    if (typeof wanted === "boolean" && wanted !== permissions.allowed.has(name))
      permissions = togglePermission(permissions, name);
  }
  const size = flags["storageSize"];
  return typeof size === "number" ? { ...permissions, storageBytes: size } : permissions;
}

/** Whether any of them was given. */
export function hasPermissionFlags(flags: PermissionFlags): boolean {
  return flags["storageSize"] !== undefined || FLAGS.some(({ key }) => typeof flags[key] === "boolean");
}

function parseBytes(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("A number of bytes is wanted.");
  return Number(text);
}
