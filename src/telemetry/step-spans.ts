import { type Context, ROOT_CONTEXT, SpanStatusCode, trace, type Tracer } from "@opentelemetry/api";
import type { RunStep } from "../lib/step.ts";
import { DaemonError } from "../protocol/daemon-error.ts";

/** A span for each step, below the one of the step that it is a part of. */
export function createStepSpans(tracer: Tracer): RunStep {
  function below(parent: Context): RunStep {
    return async (name, work) => {
      const span = tracer.startSpan(name, {}, parent);
      try {
        return await work(below(trace.setSpan(parent, span)));
      } catch (cause) {
        // The message quotes tools, and they quote addresses with passwords.
        span.setStatus({ code: SpanStatusCode.ERROR });
        span.setAttribute("error.type", cause instanceof DaemonError ? cause.code : "internal");
        throw cause;
      } finally {
        span.end();
      }
    };
  }
  return below(ROOT_CONTEXT);
}
