import { dlopen, FFIType, ptr } from "bun:ffi";
import { readFileSync } from "node:fs";

/** Reads the CPU time that a process has used in user and system mode, all of its threads together, in seconds. */
export type ReadCpuTime = (pid: number) => number;

/** `CPUCLOCK_SCHED` of the kernel: the time that the scheduler counted, in nanoseconds. */
const SCHEDULED = 2;
/** `getconf CLK_TCK`; the same on every Linux that Bun runs on. */
const TICKS_PER_SECOND = 100;

/**
 * The process's clock where the C library can be asked: `/proc/PID/stat` counts in steps of 10 ms, which is what a
 * daemon uses for a hundred items. Linux only.
 */
export function createCpuTimeReader(): ReadCpuTime {
  try {
    const { symbols } = dlopen("libc.so.6", {
      clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
    });
    const time = new BigInt64Array(2);
    return (pid) => {
      // The clock of a process is numbered after its pid (clock_getcpuclockid(3)).
      if (symbols.clock_gettime((~pid << 3) | SCHEDULED, ptr(time)) !== 0) return fromStat(pid);
      return Number(time[0]) + Number(time[1]) / 1e9;
    };
  } catch {
    return fromStat;
  }
}

function fromStat(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The second field is the command in brackets and may itself hold spaces.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
