const AUTHOR_COMMANDS = new Set(["plugin", "bundle", "signature"]);
/** Flags without a value, which the reference's parser also takes with one. */
const SWITCH = /^--(quick|allow-[a-z0-9-]+|enable-logs|dry-run|yes)=(true|false|1|0|t|f)$/i;
const SHORT = /^(-[a-z])=(.*)$/s;

/**
 * The arguments of the author's commands as our parser spells them. Scripts that were written for the reference's may
 * say `--allow-tool=false` and `-o=file`.
 */
export function spellFlags(argv: readonly string[]): string[] {
  if (!AUTHOR_COMMANDS.has(argv[0] ?? "")) return [...argv];
  const end = argv.indexOf("--");
  return argv.flatMap((argument, at) => {
    if (end >= 0 && at >= end) return [argument];
    const [, name, value = ""] = SWITCH.exec(argument) ?? [];
    if (name !== undefined) {
      if (/^(true|1|t)$/i.test(value)) return [`--${name}`];
      // Only these can be taken back; the others are off unless they are named.
      return name.startsWith("allow-") ? [`--no-${name}`] : [];
    }
    const short = SHORT.exec(argument);
    return short ? [short[1] ?? "", short[2] ?? ""] : [argument];
  });
}
