import type { CliIo } from "../cli-io.ts";
import { formatResultLine } from "../result-line.ts";

/** Tells a result on stderr, where scripts look for it. */
export function sayResult(
  io: CliIo,
  message: string,
  attributes: Readonly<Record<string, string | number>>,
): void {
  io.stderr.write(formatResultLine({ time: new Date(), level: "INFO", message, attributes }));
}
