import { type ExportResult, ExportResultCode } from "@opentelemetry/core";

/** Undefined where the collector took it. */
export function exportFailure({ code, error }: ExportResult): Error | undefined {
  if (code === ExportResultCode.SUCCESS) return undefined;
  return error ?? new Error("The collector gives no reason");
}
