import { type CliOutput, forOutput } from "./cli-io.ts";

/** Back to the first column, and the line is wiped. */
const WIPE = "\r\u001b[2K";

/** Shows where a piece of work is: one line that is overwritten on a terminal, a line a step elsewhere. */
export interface Progress {
  show(step: string): void;
  /** Takes the line off the terminal; what was written elsewhere stays. */
  clear(): void;
}

export function showProgress(output: CliOutput): Progress {
  let shown = "";
  return {
    show(step) {
      const text = forOutput(step, output).replaceAll("\n", " ").trim();
      if (text === "" || text === shown) return;
      shown = text;
      // The last column stays free: some terminals wrap as soon as it is filled.
      output.write(output.isTerminal ? WIPE + clip(text, output.columns - 1) : `${text}\n`);
    },
    clear() {
      if (output.isTerminal && shown !== "") output.write(WIPE);
      shown = "";
    },
  };
}

function clip(text: string, columns: number): string {
  if (Bun.stringWidth(text) <= columns) return text;
  let clipped = "";
  for (const character of text) {
    if (Bun.stringWidth(clipped + character) > columns - 1) break;
    clipped += character;
  }
  return `${clipped}…`;
}
