import { CliError, EXIT } from "../cli-error.ts";
import { type CliIo, styleFor } from "../cli-io.ts";
import { type Key, readKeys } from "./keys.ts";

export interface TextQuestion {
  /** Taken when nothing is typed; shown in brackets unless it is empty. */
  readonly value: string;
  /** What is wrong with an answer; undefined where nothing is. */
  readonly check?: (answer: string) => string | undefined;
}

export interface Choice<T> {
  readonly value: T;
  readonly label: string;
}

export interface Row {
  readonly label: string;
  readonly on: boolean;
}

/** Questions on a terminal, one after the other. Every one rejects when the user leaves with Ctrl-C or Ctrl-D. */
export interface Form {
  text(question: string, options: TextQuestion): Promise<string>;
  /** One of some, by the arrow keys and Enter. */
  choose<T>(
    question: string,
    options: { readonly choices: readonly Choice<T>[]; readonly value: T },
  ): Promise<T>;
  /** Switches, by the arrow keys and Tab or Space; Enter goes on. `flip` answers the state after a switch was turned. */
  switches<S>(
    question: string,
    options: {
      readonly state: S;
      readonly rows: (state: S) => readonly Row[];
      readonly flip: (state: S, row: number) => S;
    },
  ): Promise<S>;
  /** Gives the terminal back as it was. */
  close(): void;
}

/** Throws a `CliError` where there is no terminal; `instead` is the hint. */
export function openForm(io: CliIo, options: { readonly instead: string }): Form {
  if (!io.stdin.isTerminal || !io.stdout.isTerminal)
    throw new CliError("Cannot ask questions: this is no terminal", {
      exitCode: EXIT.usage,
      hint: options.instead,
    });
  const style = styleFor(io.stdout, io.env);
  const chunks = io.stdin.chunks()[Symbol.asyncIterator]();
  const left = Promise.withResolvers<never>();
  // Nobody may be waiting when the signal comes.
  left.promise.catch(() => undefined);
  const interrupted = () => {
    // The terminal shows what was typed; what is said now begins a line of its own.
    io.stdout.write("\n");
    return new CliError("Interrupted, nothing was changed", { exitCode: EXIT.interrupted });
  };
  const onAbort = () => left.reject(interrupted());
  io.signal.addEventListener("abort", onAbort, { once: true });
  let typed = "";

  async function read(): Promise<string> {
    if (io.signal.aborted) throw interrupted();
    const next = await Promise.race([chunks.next(), left.promise]);
    if (next.done) throw interrupted();
    return Buffer.from(next.value).toString("utf8");
  }

  async function readLine(): Promise<string> {
    while (!typed.includes("\n")) typed += await read();
    const end = typed.indexOf("\n");
    const line = typed.slice(0, end);
    typed = typed.slice(end + 1);
    return line.trim();
  }

  /** Draws, reads keys and draws again over it, until `onKey` says that it is done. */
  async function menu(draw: () => readonly string[], onKey: (key: Key) => boolean): Promise<void> {
    let drawn = 0;
    const show = () => {
      const lines = draw();
      const back = drawn > 0 ? `\u001b[${drawn}A\r\u001b[J` : "";
      io.stdout.write(`${back}${lines.join("\n")}\n`);
      drawn = lines.length;
    };
    io.stdin.setRaw(true);
    try {
      show();
      for (;;) {
        const keys = readKeys(typed === "" ? await read() : typed);
        typed = "";
        for (const key of keys) {
          if (key === "interrupt") throw interrupted();
          if (onKey(key)) return show();
        }
        show();
      }
    } finally {
      io.stdin.setRaw(false);
    }
  }

  const heading = (question: string, hint: string) => `${style.bold(question)} ${style.dim(hint)}`;
  const pointer = (here: boolean) => (here ? style.green("› ") : "  ");

  return {
    async text(question, { value, check }) {
      for (;;) {
        io.stdout.write(
          `${style.bold(question)}${value === "" ? "" : ` ${style.dim(`[${value}]`)}`}${style.bold(":")} `,
        );
        const answer = (await readLine()) || value;
        const wrong = check?.(answer);
        if (wrong === undefined) return answer;
        io.stdout.write(`${style.red(wrong)}\n`);
      }
    },
    async choose(question, { choices, value }) {
      let at = Math.max(
        0,
        choices.findIndex((choice) => choice.value === value),
      );
      await menu(
        () => [
          heading(question, "(arrow keys, Enter)"),
          ...choices.map(({ label }, row) => `${pointer(row === at)}${label}`),
        ],
        (key) => {
          at = moved(at, key, choices.length);
          return key === "enter";
        },
      );
      return choices[at]?.value ?? value;
    },
    async switches(question, { state: first, rows, flip }) {
      let state = first;
      let at = 0;
      await menu(
        () => [
          heading(question, "(arrow keys, Tab switches, Enter goes on)"),
          ...rows(state).map(
            ({ label, on }, row) => `${pointer(row === at)}${on ? style.green("[x]") : "[ ]"} ${label}`,
          ),
        ],
        (key) => {
          at = moved(at, key, rows(state).length);
          if (key === "toggle") state = flip(state, at);
          return key === "enter";
        },
      );
      return state;
    },
    close() {
      io.signal.removeEventListener("abort", onAbort);
      io.stdin.setRaw(false);
    },
  };
}

function moved(at: number, key: Key, length: number): number {
  if (key === "up") return (at + length - 1) % length;
  return key === "down" ? (at + 1) % length : at;
}
