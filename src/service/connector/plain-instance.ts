import { errorMessage } from "../../lib/describe-error.ts";
import { isRecord } from "../../lib/is-record.ts";
import { rawMember } from "../../lib/json-scan.ts";
import { createLineSplitter, type SplitPart } from "../../lib/line-splitter.ts";
import { pause } from "../../lib/pause.ts";
import { DaemonError } from "../../protocol/daemon-error.ts";
import type { FunctionInstance } from "./function-instance.ts";
import { type FunctionProcessOptions, startFunctionProcess } from "./function-process.ts";
import { HEARTBEAT } from "../../protocol/plain/codec.ts";
import type { Usage } from "../../protocol/serverless/sri-text.ts";
import { createPlainAnswer, type PlainAnswer } from "./plain-answer.ts";
import { createPlainCallBacks, type PlainCallBack, type PlainCallBackContext } from "./plain-call-back.ts";
import { plainRequestLine } from "./plain-request.ts";

export interface PlainInstanceOptions extends FunctionProcessOptions {
  readonly maxLineBytes: number;
  /** False where the manifest says `meta.runner.heartbeat: false`: then it is there when it has not ended. */
  readonly heartbeat: boolean;
  /** Resident bytes of a process and all that came from it; undefined where that cannot be told. */
  readonly memoryOf: (pid: number) => number | undefined;
}

/** Calls back of one call that may be open at the same time. */
const MAX_CALLS_BACK = 64;
/** A program without heartbeats that is still there after this long has started. */
const START_GRACE_MS = 300;
const BYTES_PER_MB = 1024 * 1024;

/**
 * Starts a program that reads and writes JSON lines (contract/plain-protocol 1–3) and answers calls in the form of the
 * article's runtime interface (section 6), one after the other. Resolves with its first heartbeat, and rejects as
 * `startSdkInstance` does.
 */
export async function startPlainInstance(
  options: PlainInstanceOptions,
  signal: AbortSignal,
): Promise<FunctionInstance> {
  const { number: instance, log, maxLineBytes } = options;
  const acknowledged = Promise.withResolvers<void>();
  const callBack = createPlainCallBacks({ daemonUrl: options.settings.daemonUrl, maxLineBytes });
  let answer: PlainAnswer | undefined;
  /** Of the call that is open. */
  let open: Omit<PlainCallBackContext, "write"> | undefined;
  let callsBack = 0;

  function take(part: SplitPart): void {
    if (typeof part !== "string") {
      const problem = `a line of ${part.sizeBytes} bytes is longer than the limit of ${maxLineBytes} bytes`;
      if (answer) answer.fail(`Cannot read the plugin's answer: ${problem}`);
      else log.write({ instance, source: "connector", line: `Cannot read stdout: ${problem}` });
      return;
    }
    for (const line of part.split("\n")) if (line.trim() !== "") takeLine(line.trim());
  }

  function takeLine(line: string): void {
    const message = parse(line);
    const type = isRecord(message) ? (message["type"] ?? (message["status"] && "response")) : undefined;
    if (type === "heartbeat_ack") return acknowledged.resolve();
    if (type === "backwards" && isRecord(message)) return takeCallBack({ message, line });
    if (!isRecord(message) || !answer?.take(message, (key) => rawMember(line, [key])))
      log.write({ instance, source: "stdout", line });
  }

  function takeCallBack(given: PlainCallBack): void {
    const session = given.message["session_id"];
    // One of a call that is over goes nowhere.
    if (!open || (typeof session === "string" && session !== open.sessionId)) return;
    if (callsBack >= MAX_CALLS_BACK) return refuseCallBack(given.message["request_id"]);
    callsBack++;
    void callBack(given, { ...open, write: (text) => process.write(text) }).finally(() => callsBack--);
  }

  function refuseCallBack(requestId: unknown): void {
    const error = {
      type: "BackwardsInvocationError",
      message: `More than ${MAX_CALLS_BACK} calls back are open`,
    };
    write(
      `${JSON.stringify({ type: "backwards_response", request_id: requestId, status: "error", error, done: true })}\n`,
    );
  }

  const running = await startFunctionProcess(options, {
    env: { INSTALL_METHOD: "serverless" },
    // One call at a time: who reads its answer slowly holds back nobody else.
    readStdout: (stream) => readBlocks(stream, { maxLineBytes, take, room: () => answer?.room }),
  });
  const { process } = running;
  void running.ended.then((why) =>
    answer?.fail(`the plugin ended while it was called, ${why}`, { dead: true }),
  );

  /** A program that does not take it has ended or is about to, which its end tells. */
  function write(text: string): void {
    process.write(text).catch((cause: unknown) => {
      log.write({ instance, source: "connector", line: errorMessage(cause) });
    });
  }

  function usage(began: number): Usage {
    const bytes = options.memoryOf(process.pid);
    return {
      execution_time_ms: Math.round(performance.now() - began),
      ...(bytes !== undefined && { memory_used_mb: Math.round(bytes / BYTES_PER_MB) }),
    };
  }

  async function isReady(limit: AbortSignal): Promise<boolean> {
    if (!options.heartbeat) {
      await pause(START_GRACE_MS, limit);
      return true;
    }
    write(HEARTBEAT);
    const stop = Promise.withResolvers<boolean>();
    limit.addEventListener("abort", () => stop.resolve(false), { once: true });
    return Promise.race([acknowledged.promise.then(() => true), stop.promise]);
  }

  try {
    await running.untilReady(isReady, signal);
  } catch (cause) {
    await running.stop();
    throw cause;
  }

  return {
    form: "plain",
    number: instance,
    pid: process.pid,
    ended: running.ended,
    maxCalls: 1,
    async call({ body, sessionId }, callSignal) {
      const requestId = crypto.randomUUID();
      const { line, appId } = plainRequestLine(new TextDecoder().decode(body), { sessionId, requestId });
      const began = performance.now();
      const over = new AbortController();
      const own = createPlainAnswer({
        sessionId,
        requestId,
        usage: () => usage(began),
        signal: callSignal,
        onEnd: () => over.abort(),
      });
      open = { sessionId, appId, signal: over.signal };
      answer = own;
      try {
        await process.write(line, callSignal);
      } catch (cause) {
        throw new DaemonError("plugin_failed", "Cannot hand the call to the plugin", { cause });
      }
      return own.response;
    },
    stop: () => running.stop(),
  };
}

function readBlocks(
  stream: ReadableStream<Uint8Array>,
  {
    maxLineBytes,
    take,
    room,
  }: {
    readonly maxLineBytes: number;
    readonly take: (part: SplitPart) => void;
    readonly room: () => Promise<void> | undefined;
  },
) {
  const reader = stream.getReader();
  const splitter = createLineSplitter(maxLineBytes);
  async function drain(): Promise<void> {
    try {
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        for (const part of splitter.push(read.value)) take(part);
        await room();
      }
    } catch {
      // The pipe is gone, and the process with it.
    }
    for (const part of splitter.flush()) take(part);
  }
  return { drained: drain(), close: () => void reader.cancel().catch(() => undefined) };
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // Something that it prints.
    return undefined;
  }
}
