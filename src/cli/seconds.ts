import { InvalidArgumentError, Option } from "commander";

/** Reads an option that is a number of seconds, fractions allowed, into milliseconds. */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() === "" || !Number.isFinite(seconds) || seconds <= 0)
    throw new InvalidArgumentError("It must be a number of seconds above 0.");
  return seconds * 1000;
}

/** `--timeout` of a command that waits; milliseconds inside, seconds for people. */
export function timeoutOption(defaultMs: number): Option {
  return new Option("--timeout <seconds>", "how long to wait")
    .argParser(parseSeconds)
    .default(defaultMs, String(defaultMs / 1000));
}
