import type { CliDeps } from "../../../src/cli/cli-deps.ts";
import type { CliInput, CliIo, CliOutput } from "../../../src/cli/cli-io.ts";

export interface TestOutput extends CliOutput {
  readonly text: string;
  /** Every write on its own. */
  readonly writes: readonly string[];
}

export interface TestIo extends CliIo {
  readonly stdout: TestOutput;
  readonly stderr: TestOutput;
}

export interface TestIoOptions {
  readonly terminal?: boolean;
  readonly columns?: number;
  readonly env?: CliIo["env"];
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  readonly personality?: CliIo["personality"];
  /** What is typed, one piece after the other; default: nothing. */
  readonly input?: Iterable<string> | AsyncIterable<string>;
  /** Sees every write to stdout. */
  readonly onStdout?: (text: string) => void;
}

/** What a command gets in place of the process; colours are off unless `env` says otherwise. */
export function testIo(options: TestIoOptions = {}): TestIo {
  return {
    personality: options.personality ?? "plugd",
    program: options.personality ?? "plugd",
    stdin: testInput(options),
    stdout: testOutput(options, options.onStdout),
    stderr: testOutput(options),
    env: options.env ?? { NO_COLOR: "1" },
    cwd: options.cwd ?? "/nowhere",
    signal: options.signal ?? new AbortController().signal,
  };
}

export function testOutput(options: TestIoOptions = {}, onWrite?: (text: string) => void): TestOutput {
  const writes: string[] = [];
  return {
    write(text) {
      writes.push(text);
      onWrite?.(text);
    },
    drained: () => Promise.resolve(),
    isTerminal: options.terminal ?? false,
    columns: options.columns ?? 80,
    writes,
    get text() {
      return writes.join("");
    },
  };
}

function testInput(options: TestIoOptions): CliInput {
  return {
    isTerminal: options.terminal ?? false,
    async *chunks() {
      for await (const text of options.input ?? []) yield Buffer.from(text);
    },
    setRaw: () => undefined,
  };
}

/** What a command may ask of the program; asking for more than is given here fails the test. */
export function testDeps(given: Partial<CliDeps> = {}): CliDeps {
  return {
    startDaemon: () => Promise.reject(new Error("this test starts no daemon")),
    startConnector: () => Promise.reject(new Error("this test starts no connector")),
    authorSettings: () => {
      throw new Error("this test has no settings for authors");
    },
    ...given,
  };
}
