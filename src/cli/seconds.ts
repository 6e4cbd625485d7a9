import { InvalidArgumentError } from "commander";

/** Reads an option that is a number of seconds, fractions allowed, into milliseconds. */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() === "" || !Number.isFinite(seconds) || seconds <= 0)
    throw new InvalidArgumentError("It must be a number of seconds above 0.");
  return seconds * 1000;
}
