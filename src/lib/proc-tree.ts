import { readdirSync, readFileSync } from "node:fs";

/** One process of this machine, as far as its place in the tree and its memory are concerned. */
export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** When it started, in a unit that only serves to tell a process from a later one with the same pid. */
  readonly startedAt: number;
  /** Resident memory in bytes; pages shared with other processes count in each of them. */
  readonly residentBytes: number;
}

const AT_PAGESZ = 6n;

/** Bytes per page, from the auxiliary vector of this process; 4096 where that cannot be read. */
export function pageSize(auxv: Uint8Array): number {
  const view = new DataView(auxv.buffer, auxv.byteOffset, auxv.byteLength);
  for (let at = 0; at + 16 <= view.byteLength; at += 16)
    if (view.getBigUint64(at, true) === AT_PAGESZ) return Number(view.getBigUint64(at + 8, true));
  return 4096;
}

/** Decodes one `/proc/PID/stat` (proc_pid_stat(5)). Undefined where the text is none. */
export function parseStat(text: string, pageBytes: number): ProcessInfo | undefined {
  // The second field is the command in brackets and may itself hold spaces and brackets.
  const close = text.lastIndexOf(")");
  const fields = text.slice(close + 2).split(" ");
  const pid = Number.parseInt(text, 10);
  const number = (field: number) => Number(fields[field - 3]);
  const info = {
    pid,
    parent: number(4),
    group: number(5),
    session: number(6),
    startedAt: number(22),
    residentBytes: number(24) * pageBytes,
  };
  return close > 0 && Object.values(info).every(Number.isFinite) ? info : undefined;
}

/** Decodes the output of `ps -axo pid=,ppid=,pgid=,rss=`, where `rss` is in KiB. */
export function parsePs(text: string): ProcessInfo[] {
  return text.split("\n").flatMap((line) => {
    const [pid, parent, group, kib] = line.trim().split(/\s+/).map(Number);
    if (pid === undefined || parent === undefined || group === undefined || kib === undefined) return [];
    return [{ pid, parent, group, session: group, startedAt: 0, residentBytes: kib * 1024 }];
  });
}

/** One process of this machine, or undefined when there is none with that pid. Linux only. */
export function readProcess(pid: number, pageBytes: number): ProcessInfo | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"), pageBytes);
  } catch {
    // It has ended: exactly what the caller asks.
    return undefined;
  }
}

/**
 * All processes that this process may see. Linux only; about 10 µs for each.
 *
 * Synchronous, because the kernel answers from memory and a thread for each file costs ten times as much.
 */
export function readProcesses(pageBytes: number): ProcessInfo[] {
  return readdirSync("/proc").flatMap((name) => {
    const pid = Number(name);
    return Number.isInteger(pid) ? (readProcess(pid, pageBytes) ?? []) : [];
  });
}

/** Bytes per page of this machine. Linux only. */
export function readPageSize(): number {
  return pageSize(readFileSync("/proc/self/auxv"));
}

/**
 * Resident memory in bytes with shared pages divided by the number of those who share them (`Pss`), or undefined
 * where the kernel does not tell. Costs a walk over the whole address space, so ask only in doubt.
 */
export function readProportionalBytes(pid: number): number | undefined {
  try {
    const match = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "latin1"));
    return match === null ? undefined : Number(match[1]) * 1024;
  } catch {
    return undefined;
  }
}

/**
 * A leader and all that came from it: members of its group or session, and their descendants. A descendant that
 * left both and lost its parent is not found; only a cgroup knows it.
 */
export function treeOf(leader: number, processes: readonly ProcessInfo[]): ProcessInfo[] {
  const children = Map.groupBy(processes, (one) => one.parent);
  const members = new Map<number, ProcessInfo>();
  const open = processes.filter(
    (one) => one.pid === leader || one.group === leader || one.session === leader,
  );
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (members.has(one.pid)) continue;
    members.set(one.pid, one);
    open.push(...(children.get(one.pid) ?? []));
  }
  return [...members.values()];
}
