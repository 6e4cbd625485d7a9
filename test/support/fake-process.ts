import type { PluginProcess, ProcessExit } from "../../src/runtime/process.ts";

/** A plugin's process that does what the test says. */
export interface FakeProcess {
  readonly process: PluginProcess;
  /** What the daemon wrote, in order. */
  readonly written: readonly string[];
  readonly signals: readonly string[];
  out(output: string | Uint8Array): void;
  err(text: string): void;
  /** Its stdin is closed from now on. */
  closeStdin(): void;
  closeStdout(): void;
  /** Ends it; `holdPipes`: something else keeps its output open. */
  exit(exit: Partial<ProcessExit>, options?: { readonly holdPipes?: boolean }): void;
}

export const FAKE_BEAT = '{"event":"heartbeat","session_id":null,"data":{}}\n\n';

export interface FakeProcessOptions {
  readonly pid?: number;
  /** What a signal does; without it the process ends of it. */
  readonly onSignal?: (name: string, fake: FakeProcess) => void;
}

export function createFakeProcess(options: FakeProcessOptions = {}): FakeProcess {
  const { pid = 4711 } = options;
  const encoder = new TextEncoder();
  const exited = Promise.withResolvers<ProcessExit>();
  const [stdout, stderr] = [createPipe(), createPipe()];
  const written: string[] = [];
  const signals: string[] = [];
  let stdinOpen = true;
  let gone = false;

  const fake: FakeProcess = {
    written,
    signals,
    out: (output) => stdout.push(typeof output === "string" ? encoder.encode(output) : output),
    err: (text) => stderr.push(encoder.encode(text)),
    closeStdin() {
      stdinOpen = false;
    },
    closeStdout: stdout.close,
    exit(exit, { holdPipes = false } = {}) {
      gone = true;
      exited.resolve({ code: null, signal: null, outOfMemory: false, ...exit });
      if (holdPipes) return;
      stdout.close();
      stderr.close();
    },
    process: {
      pid,
      stdout: stdout.stream,
      stderr: stderr.stream,
      exited: exited.promise,
      async write(text) {
        if (gone || !stdinOpen) throw new Error("EPIPE");
        written.push(text);
      },
      signal(name) {
        if (gone) return;
        signals.push(name);
        if (options.onSignal) options.onSignal(name, fake);
        else fake.exit({ signal: name });
      },
    },
  };
  return fake;
}

function createPipe() {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let open = true;
  const stream = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given;
    },
    cancel() {
      open = false;
    },
  });
  return {
    stream,
    push(bytes: Uint8Array) {
      if (open) controller?.enqueue(bytes);
    },
    close() {
      if (open) controller?.close();
      open = false;
    },
  };
}
