import { errorMessage } from "../../lib/describe-error.ts";
import { pause } from "../../lib/pause.ts";
import { readOutputLines } from "../../runtime/local/output-lines.ts";
import type { FunctionCall, FunctionInstance } from "./function-instance.ts";
import { type FunctionProcessOptions, startFunctionProcess } from "./function-process.ts";

export interface SdkInstanceOptions extends FunctionProcessOptions {
  /** A port of the loopback interface that is free just now. */
  readonly freePort: () => number;
}

const HOST = "127.0.0.1";
/** Another program may take the port between the look and the start. */
const START_ATTEMPTS = 3;
const FIRST_POLL_MS = 20;
const MAX_POLL_MS = 200;
const HEALTH_TIMEOUT_MS = 2000;

/**
 * Starts the published SDK in its serverless mode on a port of this machine (contract/plugin-wire 3.7); resolves when
 * its `/health` answers. Rejects with `unavailable` and the end of its stderr when it ends before, or is not there in
 * time; nothing is left running then.
 */
export async function startSdkInstance(
  options: SdkInstanceOptions,
  signal: AbortSignal,
): Promise<FunctionInstance> {
  for (let attempt = 1; ; attempt++) {
    const port = options.freePort();
    const running = await startProcess(options, port);
    try {
      await running.untilReady((limit) => untilHealthy(port, limit), signal);
      return {
        form: "sdk",
        number: options.number,
        pid: running.process.pid,
        ended: running.ended,
        maxCalls: Number.POSITIVE_INFINITY,
        call: (call, callSignal) => request(port, call, callSignal),
        stop: () => running.stop(),
      };
    } catch (cause) {
      await running.stop();
      if (attempt === START_ATTEMPTS || !/address already in use/i.test(running.tail)) throw cause;
    }
  }
}

function startProcess(options: SdkInstanceOptions, port: number) {
  const { number: instance, log } = options;
  return startFunctionProcess(options, {
    env: {
      INSTALL_METHOD: "serverless",
      SERVERLESS_HOST: HOST,
      SERVERLESS_PORT: String(port),
      // Nothing else goes through stdout, and what is printed is for those who watch.
      PYTHONUNBUFFERED: "1",
    },
    readStdout: (stream) =>
      readOutputLines(stream, {
        onLine: (line) => log.write({ instance, source: "stdout", line }),
        onBroken: (cause) =>
          log.write({ instance, source: "connector", line: `Cannot read stdout: ${errorMessage(cause)}` }),
      }),
  });
}

/**
 * A connection for each call: the SDK's server writes each message in two pieces and holds the second one back until the
 * first is acknowledged, which the kernel puts off by 40 ms on a connection that was used before.
 */
function request(port: number, call: FunctionCall, signal: AbortSignal): Promise<Response> {
  return fetch(`http://${HOST}:${port}/invoke?action=${encodeURIComponent(call.action)}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "text/event-stream",
      "dify-plugin-session-id": call.sessionId,
      ...(call.traceparent !== undefined && { traceparent: call.traceparent }),
    },
    body: call.body,
    signal,
    redirect: "manual",
    proxy: false,
    // The limit is ours, and exact.
    timeout: false,
    keepalive: false,
  });
}

async function untilHealthy(port: number, signal: AbortSignal): Promise<boolean> {
  for (let pollMs = FIRST_POLL_MS; !signal.aborted; pollMs = Math.min(MAX_POLL_MS, 2 * pollMs)) {
    if (await isHealthy(port, signal)) return true;
    await pause(pollMs, signal);
  }
  return false;
}

async function isHealthy(port: number, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(`http://${HOST}:${port}/health`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(HEALTH_TIMEOUT_MS)]),
      proxy: false,
      redirect: "manual",
      keepalive: false,
    });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    // It does not listen yet.
    return false;
  }
}
