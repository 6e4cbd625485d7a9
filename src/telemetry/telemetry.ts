import type { RunStep } from "../lib/step.ts";
import type { TraceHeaders } from "../lib/traceparent.ts";
import type { CallBackTrace, CallObserver, CallTrace } from "../service/call-trace.ts";

/** OpenTelemetry (contract/lifecycle 9.3), as the rest of the daemon sees it. */
export interface Telemetry {
  readonly requests: RequestSpans;
  readonly calls: CallSpans;
  readonly functions: FunctionMeters;
  readonly followPlatformCall: FollowPlatformCall;
  /** Spans of their own, which belong to no request: many may wait for one environment. */
  readonly step: RunStep;
  /** Sends what waits, within a bound. Never rejects. Idempotent. */
  close(): Promise<void>;
}

/** A span for each HTTP request. */
export interface RequestSpans {
  begin(request: Request): {
    /** The head of the answer is there. A span of a call goes on until the call has ended. */
    end(of: { readonly route: string; readonly status: number }): void;
  };
  /** What belongs to this request carries these. */
  headersOf(request: Request): TraceHeaders;
}

/** A span for each call of a plugin and each call back. */
export interface CallSpans {
  readonly observe: CallObserver;
  /** What a call back carries to the platform: its span, or the one of its call where it has none. */
  headersOf(call: CallTrace, callBack: CallBackTrace | undefined): TraceHeaders;
}

/** Metrics of plugins as functions. */
export interface FunctionMeters {
  /** A call was larger than one request may be. */
  split(
    of: MeteredPlugin,
    facts: {
      readonly action: string;
      /** Bytes of each request that was made of it. */
      readonly batches: readonly number[];
      /** Why the answers do not fit together, where they do not. */
      readonly reason?: string;
      readonly oversize?: boolean;
    },
  ): void;
  /** An attempt got no good answer; status 0: none at all. */
  failed(of: { readonly action: string; readonly status: number; readonly type: string }): void;
}

export interface MeteredPlugin {
  readonly pluginId: string;
  readonly version: string;
  /** `tool`, `model`, … */
  readonly accessType: string;
}

/** A span around one request to the platform: `work` sends it, with the headers that it gets. */
export type FollowPlatformCall = <T>(
  of: { readonly path: string; readonly body: unknown; readonly trace: TraceHeaders },
  work: (trace: TraceHeaders) => Promise<T>,
) => Promise<T>;

export interface TelemetrySettings {
  readonly traceUrl: string;
  readonly metricUrl: string;
  /** Goes out as a bearer token, and nowhere else. */
  readonly apiKey: string | undefined;
  /** Of traces that begin here, 0 to 1. */
  readonly samplingRate: number;
  readonly batchDelayMs: number;
  readonly batchTimeoutMs: number;
  /** Spans that wait or are being sent; more are dropped. */
  readonly maxQueue: number;
  readonly maxBatch: number;
  readonly metricIntervalMs: number;
  readonly metricTimeoutMs: number;
}
