import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { CommandResult } from "../../../lib/run-command.ts";
import type { Tools } from "../tools.ts";
import type { Interpreter } from "./interpreter.ts";

/** A Python that takes longer to say its version is of no use. */
const PROBE_TIMEOUT_MS = 10_000;

const SCRIPT = `
import importlib.util, json, os, platform, sys, sysconfig
def uv():
    try:
        from uv import find_uv_bin
        return os.fspath(find_uv_bin())
    except BaseException:
        return None
def libc():
    try:
        return "glibc" if os.confstr("CS_GNU_LIBC_VERSION") else "musl"
    except (AttributeError, ValueError, OSError):
        return "musl" if sys.platform == "linux" else ""
i = sys.implementation.version
print(json.dumps({
    "path": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
    "minor": sys.version_info[1] if sys.version_info[0] == 3 else -1,
    "platform": sysconfig.get_platform() + "-" + libc() + ("-nogil" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""),
    "canMakeVenv": all(importlib.util.find_spec(m) for m in ("venv", "ensurepip")),
    "uvPath": uv(),
    "markers": {
        "os_name": os.name,
        "sys_platform": sys.platform,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "python_full_version": platform.python_version(),
        "implementation_name": sys.implementation.name,
        "implementation_version": "%d.%d.%d" % (i[0], i[1], i[2]),
    },
}))
`;

const Answer = Type.Object({
  path: Type.String({ minLength: 1 }),
  minor: Type.Integer(),
  platform: Type.String(),
  canMakeVenv: Type.Boolean(),
  uvPath: Type.Union([Type.String(), Type.Null()]),
  markers: Type.Record(Type.String(), Type.String()),
});

export type ProbeOutcome =
  | { readonly kind: "answered"; readonly interpreter: Interpreter }
  | { readonly kind: "failed"; readonly problem: string };

/** Asks a Python what it is. Rejects only with the signal's reason. */
export async function probeInterpreter(
  path: string,
  options: { readonly tools: Tools; readonly signal: AbortSignal },
): Promise<ProbeOutcome> {
  const result = await options.tools.run([path, "-I", "-c", SCRIPT], {
    cwd: "/",
    signal: options.signal,
    timeoutMs: PROBE_TIMEOUT_MS,
  });
  const answer = decodeAnswer(result.stdout);
  if (!answer) return { kind: "failed", problem: problemOf(result) };
  if (answer.minor < 0) return { kind: "failed", problem: "it is not Python 3" };
  const { uvPath, ...rest } = answer;
  const version = answer.markers["python_full_version"] ?? "";
  return { kind: "answered", interpreter: { ...rest, version, uvPath: uvPath ?? undefined } };
}

function decodeAnswer(text: string) {
  try {
    const value: unknown = JSON.parse(text);
    return Value.Check(Answer, value) ? value : undefined;
  } catch {
    // Not our script's output: a shim that complains, or another program of that name.
    return undefined;
  }
}

function problemOf(result: CommandResult): string {
  const { end } = result;
  if (end.kind === "not_started") return `it cannot be started (${end.cause.message})`;
  if (end.kind === "timeout" || end.kind === "inactive") return "it does not answer";
  const said = result.stderr.trim().split("\n").at(-1)?.slice(0, 200);
  return said ? `it does not work (${said})` : "it does not work";
}
