import { DaemonError } from "./daemon-error.ts";
import type { PluginRunner } from "./declaration.ts";
import type { Codec } from "./messages.ts";
import { createPlainCodec } from "./plain/codec.ts";
import { createSdkCodec } from "./sdk/codec.ts";

/** `meta.runner` of a manifest beyond what the reference knows, checked (contract/plain-protocol). */
export interface Runner {
  /** `meta.runner.protocol`; the SDK's unless it says otherwise. */
  readonly dialect: "sdk" | "plain";
  /**
   * Whose signs of life count: `told` by the plugin itself, `asked` for by the daemon, or `none` where
   * `meta.runner.heartbeat` is false.
   */
  readonly liveness: "told" | "asked" | "none";
  /** `meta.runner.command`: program and arguments, run as they are in the plugin's folder. */
  readonly command: readonly [string, ...string[]] | undefined;
}

const DIALECTS = ["sdk", "plain"] as const;
const MAX_WORDS = 64;
const MAX_WORD_CHARS = 4096;

/** Throws `bad_request` that names the key, the value, and what is allowed. */
export function readRunner(runner: PluginRunner): Runner {
  const { protocol = "sdk", heartbeat = true } = runner;
  const dialect = DIALECTS.find((name) => name === protocol);
  if (dialect === undefined) throw wrong("protocol", { value: protocol, allowed: DIALECTS.join(" or ") });
  if (typeof heartbeat !== "boolean")
    throw wrong("heartbeat", { value: heartbeat, allowed: "true or false" });
  const asked = dialect === "sdk" ? "told" : "asked";
  return { dialect, liveness: heartbeat ? asked : "none", command: readCommand(runner.command) };
}

function readCommand(command: unknown): Runner["command"] {
  if (command === undefined || command === null) return undefined;
  const allowed = "a list of a program and its arguments, such as [./plugin, --serve]";
  if (!Array.isArray(command) || command.length > MAX_WORDS)
    throw wrong("command", { value: command, allowed });
  const words: string[] = [];
  for (const word of command as readonly unknown[]) {
    if (typeof word !== "string" || word.length > MAX_WORD_CHARS || word.includes("\0"))
      throw wrong("command", { value: word, allowed: "texts" });
    words.push(word);
  }
  const [program, ...rest] = words;
  if (program === undefined || program === "") throw wrong("command", { value: command, allowed });
  return [program, ...rest];
}

function wrong(key: string, what: { readonly value: unknown; readonly allowed: string }): DaemonError {
  const value = JSON.stringify(what.value)?.slice(0, 200);
  return new DaemonError("bad_request", `meta.runner.${key} is ${value}: it must be ${what.allowed}`);
}

/** One for each connection to a plugin of this runner. */
export function createCodecFor({ dialect, liveness }: Pick<Runner, "dialect" | "liveness">): Codec {
  return dialect === "sdk" ? createSdkCodec() : createPlainCodec({ heartbeat: liveness === "asked" });
}
