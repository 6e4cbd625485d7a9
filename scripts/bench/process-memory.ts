import { readFileSync, writeFileSync } from "node:fs";

/** Resident memory now, the most since `resetPeak`, and what of it is not pages of files. */
export type MemoryField = "VmRSS" | "VmHWM" | "RssAnon";

/** In bytes. Linux only. */
export function readMemory(pid: number, field: MemoryField): number {
  const line = readFileSync(`/proc/${pid}/status`, "latin1")
    .split("\n")
    .find((line) => line.startsWith(`${field}:`));
  return Number.parseInt(line?.slice(field.length + 1) ?? "", 10) * 1024;
}

/** `VmHWM` counts from what is resident now. */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}
