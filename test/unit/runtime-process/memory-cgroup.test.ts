import { describe, expect, test } from "bun:test";
import { dirname } from "node:path";
import {
  type CgroupFiles,
  createCgroupLimiter,
  findCgroupHome,
  ownCgroup,
} from "../../../src/runtime/local/memory-cgroup.ts";
import type { MemoryLimiter } from "../../../src/runtime/local/memory-limit.ts";

const V2_MOUNT = "30 20 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw";
const V1_MOUNT = "31 20 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory";

describe("ownCgroup()", () => {
  test.each([
    [
      "v2 on a host",
      "0::/system.slice/plugd.service\n",
      V2_MOUNT,
      2,
      "/sys/fs/cgroup/system.slice/plugd.service",
    ],
    ["v2 in a container", "0::/\n", V2_MOUNT, 2, "/sys/fs/cgroup/"],
    [
      "a mount that shows a part only",
      "0::/docker/abc/leaf\n",
      V2_MOUNT.replace(" / /sys", " /docker/abc /sys"),
      2,
      "/sys/fs/cgroup/leaf",
    ],
    [
      "v1",
      "9:name=systemd:/\n4:cpu,memory:/a/b:c\n0::/x\n",
      `${V2_MOUNT}\n${V1_MOUNT}`,
      1,
      "/sys/fs/cgroup/memory/a/b:c",
    ],
  ] as const)("finds %s", (_, membership, mounts, version, folder) => {
    expect(ownCgroup(membership, mounts)).toEqual({ version, folder });
  });

  test.each([
    ["no cgroup at all", "", ""],
    ["a group outside of the namespace", "0::/../other\n", V2_MOUNT],
    ["a group outside of the mount", "0::/system.slice\n", V2_MOUNT.replace(" / /sys", " /docker/abc /sys")],
    [
      "a sibling with a common beginning",
      "0::/docker/abcd\n",
      V2_MOUNT.replace(" / /sys", " /docker/abc /sys"),
    ],
    ["a mount of another controller", "4:cpu:/\n", V1_MOUNT.replace("rw,memory", "rw,cpu")],
  ])("finds nothing for %s", (_, membership, mounts) => {
    expect(ownCgroup(membership, mounts)).toBeUndefined();
  });
});

const HOME = "/sys/fs/cgroup/service";
const SELF = 500;

interface Kernel extends CgroupFiles {
  readonly groups: Map<string, Map<string, string>>;
  readonly killed: number[];
}

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: from the kernel`), { code });
}

/** As much of cgroup v2 as the code relies on: files come with folders, and a group with members has no limits below. */
function kernel(
  options: { readonly members?: readonly number[]; readonly controllers?: string } = {},
): Kernel {
  const { members = [SELF], controllers = "cpu memory" } = options;
  const group = (entries: Record<string, string> = {}) =>
    new Map(
      Object.entries({
        "cgroup.procs": "",
        "cgroup.controllers": controllers,
        "cgroup.subtree_control": "",
        ...entries,
      }),
    );
  const groups = new Map([[HOME, group({ "cgroup.procs": members.map((pid) => `${pid}\n`).join("") })]]);
  const killed: number[] = [];
  const proc: Record<string, string> = {
    "/proc/self/cgroup": "0::/service\n",
    "/proc/self/mountinfo": V2_MOUNT,
    [`/proc/${SELF}/stat`]: statOf(SELF, 777),
    "/proc/600/stat": statOf(600, 888),
  };
  const at = (path: string) => groups.get(dirname(path));
  const name = (path: string) => path.slice(dirname(path).length + 1);
  return {
    groups,
    killed,
    link: () => "pid:[42]",
    kill(pid) {
      killed.push(pid);
      for (const one of groups.values())
        one.set("cgroup.procs", (one.get("cgroup.procs") ?? "").replace(`${pid}\n`, ""));
    },
    read(path) {
      const text = proc[path] ?? at(path)?.get(name(path));
      if (text === undefined) throw failure("ENOENT");
      return text;
    },
    write(path, text) {
      const folder = at(path);
      if (folder?.get(name(path)) === undefined) throw failure("ENOENT");
      if (name(path) === "cgroup.subtree_control") {
        if (folder.get("cgroup.procs") !== "") throw failure("EBUSY");
        folder.set(name(path), "memory");
      } else if (name(path) === "cgroup.procs") {
        for (const one of groups.values())
          one.set("cgroup.procs", (one.get("cgroup.procs") ?? "").replace(`${text}\n`, ""));
        folder.set(name(path), `${folder.get(name(path))}${text}\n`);
      } else folder.set(name(path), text);
    },
    makeFolder(path) {
      if (groups.has(path)) throw failure("EEXIST");
      const limits = at(path)?.get("cgroup.subtree_control") === "memory";
      groups.set(path, group(limits ? { "memory.max": "max", "memory.events": "oom 0\noom_kill 0\n" } : {}));
    },
    removeFolder(path) {
      if (!groups.has(path)) throw failure("ENOENT");
      if (groups.get(path)?.get("cgroup.procs") !== "") throw failure("EBUSY");
      groups.delete(path);
    },
    folders: (path) => [...groups.keys()].filter((one) => dirname(one) === path).map(name),
  };
}

function statOf(pid: number, start: number): string {
  return `${pid} (plugd) S 1 1 1 0 -1 0 1 2 3 4 5 6 7 8 20 0 9 0 ${start} 1 1`;
}

describe("findCgroupHome()", () => {
  test("moves itself aside, because a v2 group with limits below holds no process", () => {
    const files = kernel();
    expect(findCgroupHome(files, SELF)).toEqual({
      home: { version: 2, folder: HOME, prefix: `plugd-42-${SELF}-777-` },
    });
    expect(files.groups.get(`${HOME}/plugd-daemon`)?.get("cgroup.procs")).toBe(`${SELF}\n`);
    expect([...files.groups.keys()]).toEqual([HOME, `${HOME}/plugd-daemon`]);
  });

  test("takes a PID 1 that waits for it along", () => {
    const files = kernel({ members: [1, SELF] });
    expect(findCgroupHome(files, SELF)).toHaveProperty("home");
    expect(files.groups.get(`${HOME}/plugd-daemon`)?.get("cgroup.procs")).toBe(`1\n${SELF}\n`);
  });

  test("never moves a process of somebody else", () => {
    const files = kernel({ members: [SELF, 900] });
    expect(findCgroupHome(files, SELF)).toEqual({
      reason: `cgroups cannot be used (${HOME} holds other processes; give the daemon a group of its own, such as Delegate=yes in systemd)`,
    });
    expect([...files.groups.keys()]).toEqual([HOME]);
  });

  test("says so where the group may not limit memory", () => {
    expect(findCgroupHome(kernel({ controllers: "cpu pids" }), SELF)).toEqual({
      reason: `cgroups cannot be used (${HOME} has no memory controller)`,
    });
  });

  test("ends and removes what a dead daemon left, and nothing else", () => {
    const files = kernel({ members: [] });
    files.write(`${HOME}/cgroup.subtree_control`, "+memory");
    const leave = (name: string, members: string) => {
      files.makeFolder(`${HOME}/${name}`);
      files.write(`${HOME}/${name}/cgroup.procs`, members);
    };
    leave("plugd-42-400-111-aa-1", "401"); // no such process any more
    leave("plugd-42-600-887-aa-1", "402"); // the pid belongs to somebody else now
    leave("plugd-42-600-888-aa-1", "403"); // lives
    leave("plugd-43-400-111-aa-1", "404"); // of another namespace
    leave(`plugd-42-${SELF}-777-aa-1`, "405"); // our own
    leave("other", "406");
    expect(findCgroupHome(files, SELF)).toHaveProperty("home");
    expect(files.killed).toEqual([401, 402]);
    expect(files.folders(HOME)).toEqual([
      "plugd-42-600-888-aa-1",
      "plugd-43-400-111-aa-1",
      `plugd-42-${SELF}-777-aa-1`,
      "other",
    ]);
  });
});

describe("createCgroupLimiter()", () => {
  function limiter() {
    const files = kernel();
    const found = findCgroupHome(files, SELF);
    if (!("home" in found)) throw new Error(found.reason);
    const warnings: string[] = [];
    const fallback: MemoryLimiter = {
      kind: "watcher",
      detail: "",
      guard: () => ({ cgroup: undefined, attach: () => undefined, release: () => true }),
      close: async () => undefined,
    };
    const log = { warn: (text: string) => void warnings.push(text) };
    return { files, warnings, limiter: createCgroupLimiter({ files, home: found.home, fallback, log }) };
  }

  test("sets the limit of each group, and none for 0", () => {
    const { files, limiter: memory } = limiter();
    const [limited, free] = [memory.guard(1000), memory.guard(0)];
    expect(files.groups.get(limited.cgroup ?? "")?.get("memory.max")).toBe("1000");
    expect(files.groups.get(free.cgroup ?? "")?.get("memory.max")).toBe("max");
  });

  test("release() tells whether the kernel killed, ends the rest and removes the group", async () => {
    const { files, limiter: memory } = limiter();
    const [one, two] = [memory.guard(1000), memory.guard(1000)];
    files.write(`${one.cgroup}/memory.events`, "low 0\noom 1\noom_kill 2\noom_group_kill 0\n");
    files.write(`${one.cgroup}/cgroup.procs`, "700");
    expect([one.release(), two.release()]).toEqual([true, false]);
    await memory.close();
    expect(files.killed).toEqual([700]);
    expect(files.groups.has(one.cgroup ?? "")).toBe(false);
  });

  test("a group that cannot be made is replaced by the fallback, with a warning", () => {
    const { files, warnings, limiter: memory } = limiter();
    files.makeFolder = () => {
      throw failure("ENOSPC");
    };
    expect(memory.guard(1000).release()).toBe(true);
    expect(warnings).toEqual(["Cannot make a cgroup for a plugin, its memory is watched instead"]);
  });
});
