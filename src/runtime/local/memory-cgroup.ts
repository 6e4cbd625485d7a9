import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { errorMessage } from "../../lib/describe-error.ts";
import type { Logger } from "../../lib/logger.ts";
import { parseStat } from "../../lib/proc-tree.ts";
import { errorCode } from "../../lib/system-error.ts";
import type { MemoryGuard, MemoryLimiter } from "./memory-limit.ts";

/** The files of the kernel that are needed, so that a test can play the kernel. All throw as `node:fs` does. */
export interface CgroupFiles {
  read(path: string): string;
  write(path: string, text: string): void;
  makeFolder(path: string): void;
  removeFolder(path: string): void;
  /** Names of the folders in a folder. */
  folders(path: string): string[];
  /** Target of a symbolic link. */
  link(path: string): string;
  kill(pid: number): void;
}

/** The group below which groups of plugins are made: that of the daemon itself. */
export interface CgroupHome {
  readonly version: 1 | 2;
  readonly folder: string;
  /** Begins the names of this process's groups; a daemon that was killed is recognised by it. */
  readonly prefix: string;
}

export type FoundCgroupHome = { readonly home: CgroupHome } | { readonly reason: string };

/** The daemon's own place in v2, where a group that has groups with limits may hold no process itself. */
const DAEMON_GROUP = "plugd-daemon";
/** A killed process leaves its group within this many tries, 25 ms apart. */
const REMOVE_TRIES = 40;
const REMOVE_PAUSE_MS = 25;

export function cgroupFiles(): CgroupFiles {
  return {
    read: (path) => readFileSync(path, "utf8"),
    write: (path, text) => writeFileSync(path, text),
    makeFolder: (path) => mkdirSync(path),
    removeFolder: (path) => rmdirSync(path),
    folders: (path) =>
      readdirSync(path, { withFileTypes: true }).flatMap((entry) =>
        entry.isDirectory() ? [entry.name] : [],
      ),
    link: (path) => readlinkSync(path),
    kill: (pid) => process.kill(pid, "SIGKILL"),
  };
}

/**
 * Folder of this process's cgroup that can limit memory, from `/proc/self/cgroup` and `/proc/self/mountinfo`
 * (cgroups(7)). v1 goes first where both are mounted: memory then belongs to v1.
 */
export function ownCgroup(
  membership: string,
  mounts: string,
): { readonly version: 1 | 2; readonly folder: string } | undefined {
  for (const version of [1, 2] as const) {
    const path = membership
      .split("\n")
      .map((line) => /^(\d+):([^:]*):(.*)$/.exec(line))
      .find((match) => (version === 1 ? match?.[2]?.split(",").includes("memory") : match?.[1] === "0"))?.[3];
    if (path === undefined) continue;
    for (const line of mounts.split("\n")) {
      const [left = "", right = ""] = line.split(" - ");
      const [type = "", , options = ""] = right.split(" ");
      if (version === 1 ? type !== "cgroup" || !options.split(",").includes("memory") : type !== "cgroup2")
        continue;
      const [, , , root = "/", point = ""] = left.split(" ");
      const inside =
        root === "/" ? path : path === root ? "/" : path.startsWith(`${root}/`) && path.slice(root.length);
      // A path with `..` lies outside of what this namespace can see.
      if (inside !== false && !inside.includes("/..")) return { version, folder: join(point, inside) };
    }
  }
  return undefined;
}

/** Tries out whether groups with a memory limit can be made, and removes those of a daemon that was killed. */
export function findCgroupHome(files: CgroupFiles, pid: number): FoundCgroupHome {
  try {
    const own = ownCgroup(files.read("/proc/self/cgroup"), files.read("/proc/self/mountinfo"));
    if (own === undefined) return { reason: "no cgroup here limits memory" };
    const folder = basename(own.folder) === DAEMON_GROUP ? dirname(own.folder) : own.folder;
    if (own.version === 2) enableMemory(files, folder, pid);
    const prefix = ownPrefix(files, pid);
    removeLeftovers(files, folder, prefix);
    const probe = join(folder, `${prefix}probe`);
    files.makeFolder(probe);
    try {
      setLimit(files, { version: own.version, folder: probe, limitBytes: 1 << 30 });
    } finally {
      files.removeFolder(probe);
    }
    return { home: { version: own.version, folder, prefix } };
  } catch (cause) {
    return { reason: `cgroups cannot be used (${errorMessage(cause)})` };
  }
}

/** Lets children of a v2 group have memory limits. */
function enableMemory(files: CgroupFiles, folder: string, pid: number): void {
  const has = (file: string) => files.read(join(folder, file)).trim().split(" ").includes("memory");
  if (has("cgroup.subtree_control")) return;
  if (!has("cgroup.controllers")) throw new Error(`${folder} has no memory controller`);
  const members = pidsOf(files, folder);
  // The kernel wants this group empty. Only our own process (and a PID 1 that waits for it) may be moved:
  // a shell or an init of somebody else stays where its owner put it.
  const others = members.filter((member) => member !== pid && member !== 1);
  if (others.length > 0)
    throw new Error(
      `${folder} holds other processes; give the daemon a group of its own, such as Delegate=yes in systemd`,
    );
  const place = join(folder, DAEMON_GROUP);
  if (members.length > 0 && !files.folders(folder).includes(DAEMON_GROUP)) files.makeFolder(place);
  for (const member of members) files.write(join(place, "cgroup.procs"), String(member));
  files.write(join(folder, "cgroup.subtree_control"), "+memory");
}

/** `plugd-NAMESPACE-PID-START-`: a pid alone comes again, and means nothing in another namespace. */
function ownPrefix(files: CgroupFiles, pid: number): string {
  return `plugd-${pidNamespace(files)}-${pid}-${startOf(files, pid)}-`;
}

function pidNamespace(files: CgroupFiles): string {
  return /\d+/.exec(files.link("/proc/self/ns/pid"))?.[0] ?? "";
}

/** When a process started; undefined when there is none. */
function startOf(files: CgroupFiles, pid: number): number | undefined {
  try {
    return parseStat(files.read(`/proc/${pid}/stat`), 1)?.startedAt;
  } catch {
    return undefined;
  }
}

/** Ends what a killed daemon left in its groups and removes these. What cannot be removed now stays for the next. */
function removeLeftovers(files: CgroupFiles, folder: string, prefix: string): void {
  const namespace = pidNamespace(files);
  for (const name of files.folders(folder)) {
    const [, space, pid, start] = /^plugd-(\d+)-(\d+)-(\d+)-/.exec(name) ?? [];
    // Processes of another namespace cannot be seen from here, so nothing says that their daemon is dead.
    if (space !== namespace || name.startsWith(prefix) || startOf(files, Number(pid)) === Number(start))
      continue;
    removeGroup(files, join(folder, name));
  }
}

/** True when the group is gone. */
function removeGroup(files: CgroupFiles, group: string): boolean {
  try {
    for (const member of pidsOf(files, group)) files.kill(member);
  } catch {
    // A member ended by itself, or the group is gone: removing it tells.
  }
  try {
    files.removeFolder(group);
    return true;
  } catch (cause) {
    return errorCode(cause) === "ENOENT";
  }
}

function pidsOf(files: CgroupFiles, group: string): number[] {
  return files.read(join(group, "cgroup.procs")).split("\n").filter(Boolean).map(Number);
}

function setLimit(
  files: CgroupFiles,
  group: { readonly version: 1 | 2; readonly folder: string; readonly limitBytes: number },
): void {
  const { version, folder, limitBytes } = group;
  const write = (file: string, text: string) => files.write(join(folder, file), text);
  /** Absent where the kernel does not account for swap, or is too old: the limit holds without it. */
  const writeIfThere = (file: string, text: string) => {
    try {
      write(file, text);
    } catch (cause) {
      if (errorCode(cause) !== "ENOENT" && errorCode(cause) !== "EACCES") throw cause;
    }
  };
  if (version === 1) {
    write("memory.limit_in_bytes", String(limitBytes));
    writeIfThere("memory.memsw.limit_in_bytes", String(limitBytes));
    return;
  }
  write("memory.max", String(limitBytes));
  writeIfThere("memory.swap.max", "0");
  // The plugin ends as a whole and is started again; half of one serves nobody.
  writeIfThere("memory.oom.group", "1");
}

export interface CgroupLimiterOptions {
  readonly files: CgroupFiles;
  readonly home: CgroupHome;
  /** Serves a process whose group could not be made. */
  readonly fallback: MemoryLimiter;
  readonly log: Pick<Logger, "warn">;
}

/** Gives every plugin a cgroup of its own, also one without limit: whatever it leaves behind is found there. */
export function createCgroupLimiter(options: CgroupLimiterOptions): MemoryLimiter {
  const { files, home, fallback, log } = options;
  const { version, folder } = home;
  /** Two daemons in one process share the prefix. */
  const prefix = `${home.prefix}${crypto.randomUUID().slice(0, 8)}-`;
  const removals = new Set<Promise<void>>();
  let count = 0;

  function guard(limitBytes: number): MemoryGuard {
    count += 1;
    const group = join(folder, `${prefix}${count}`);
    try {
      files.makeFolder(group);
      if (limitBytes > 0) setLimit(files, { version, folder: group, limitBytes });
    } catch (cause) {
      log.warn("Cannot make a cgroup for a plugin, its memory is watched instead", {
        group,
        cause: String(cause),
      });
      removeGroup(files, group);
      return fallback.guard(limitBytes);
    }
    return {
      cgroup: group,
      attach: () => undefined,
      release() {
        const killed = oomKills(group) > 0;
        const removal = remove(group).finally(() => removals.delete(removal));
        removals.add(removal);
        return killed;
      },
    };
  }

  function oomKills(group: string): number {
    try {
      const text = files.read(join(group, version === 1 ? "memory.oom_control" : "memory.events"));
      return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0);
    } catch {
      // The group was removed by somebody else; there is no other witness.
      return 0;
    }
  }

  async function remove(group: string): Promise<void> {
    for (let left = REMOVE_TRIES; left > 0; left -= 1) {
      if (removeGroup(files, group)) return;
      await Bun.sleep(REMOVE_PAUSE_MS);
    }
    log.warn("Cannot remove the cgroup of a plugin", { group });
  }

  return {
    kind: version === 1 ? "cgroup-v1" : "cgroup-v2",
    detail: `memory of plugins is limited by cgroup v${version} (${folder})`,
    guard,
    async close() {
      await fallback.close();
      await Promise.all(removals);
    },
  };
}
