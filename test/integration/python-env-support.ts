import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Logger } from "../../src/lib/logger.ts";
import type { PackageFile } from "../../src/package/package.ts";
import type { PluginDeclaration } from "../../src/protocol/declaration.ts";
import { requireIdentifier } from "../../src/protocol/identifier.ts";
import type { LaunchPlan, Provisioner } from "../../src/runtime/local/prepare.ts";
import { createProvisioner } from "../../src/runtime/local/provisioner.ts";
import { onPath } from "../../src/runtime/local/python/python-places.ts";
import type { RunStep } from "../../src/lib/step.ts";
import type { LocalSettings } from "../../src/runtime/local/settings.ts";

/** Downloads are kept between runs; everything else is new for each test. */
export const CACHE = join(tmpdir(), "plugd-test-cache");

export function temporaryFolder(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), "plugd-python-")));
}

export async function findUv(): Promise<string | undefined> {
  return (await onPath("uv", process.env))[0];
}

/** A Python of this minor version, asked of the folders where versions lie side by side. */
export async function findPython(minor: number): Promise<string | undefined> {
  for (const name of [`python3.${minor}`, "python3"])
    for (const path of await onPath(name, process.env)) {
      const asked = Bun.spawnSync([path, "-c", "import sys; print(sys.version_info[1])"], {
        stderr: "ignore",
      });
      if (asked.stdout.toString().trim() === String(minor)) return realpathSync(path);
    }
  return undefined;
}

export interface Bench {
  readonly root: string;
  readonly settings: LocalSettings;
  readonly warnings: { message: string; attributes: unknown }[];
  readonly provisioner: Provisioner;
  /** `[stage, detail]` of everything reported so far. */
  /** Of preparations, each behind those that it is a part of, in the order in which they ended. */
  readonly steps: readonly (readonly string[])[];
  readonly reports: [string, string][];
  prepare(name: string, files: readonly PackageFile[], options?: PrepareOptions): Promise<LaunchPlan>;
  /** Another daemon on the same folders. */
  restarted(settings?: Partial<LocalSettings>): Bench;
}

export interface PrepareOptions {
  readonly language?: string;
  readonly version?: string;
  readonly entrypoint?: string;
  readonly signal?: AbortSignal;
}

/** Notes each step when it ends, behind those that it is a part of. */
function noteSteps(steps: string[][], path: readonly string[] = []): RunStep {
  return async (name, work) => {
    const here = [...path, name];
    try {
      return await work(noteSteps(steps, here));
    } finally {
      steps.push(here);
    }
  };
}

export function createBench(root: string, settings: Partial<LocalSettings> = {}): Bench {
  const warnings: Bench["warnings"] = [];
  const reports: Bench["reports"] = [];
  const complete: LocalSettings = {
    workingPath: join(root, "cwd"),
    envsPath: join(root, "envs"),
    cachePath: CACHE,
    bunPath: process.execPath,
    interpreterPath: undefined,
    uvPath: undefined,
    installPython: false,
    ignoreUvLock: false,
    mirrorUrl: undefined,
    pipExtraArgs: [],
    pipVerbose: true,
    compileExtraArgs: [],
    toolInactivityMs: 120_000,
    toolTimeoutMs: 600_000,
    envPassthrough: [],
    proxies: { http: undefined, https: undefined, no: undefined },
    runnerCommands: [],
    hostEnv: process.env,
    ...settings,
  };
  const steps: string[][] = [];
  const provisioner = createProvisioner({
    settings: complete,
    log: createLog(warnings),
    step: noteSteps(steps),
  });
  return {
    root,
    settings: complete,
    warnings,
    provisioner,
    reports,
    steps,
    prepare(name, files, options = {}) {
      const runner = {
        language: options.language ?? "python",
        version: options.version ?? "3.12",
        entrypoint: options.entrypoint ?? "main",
      };
      return provisioner.prepare(
        { identifier: identify(name), declaration: declare(runner), load: async () => files },
        {
          report: (stage, detail) => reports.push([stage, detail]),
          signal: options.signal ?? new AbortController().signal,
        },
      );
    },
    restarted: (changes = {}) => createBench(root, { ...settings, ...changes }),
  };
}

export function identify(name: string) {
  const checksum = new Bun.CryptoHasher("sha256").update(name).digest("hex").slice(0, 32);
  return requireIdentifier(`plugd-test/${name}:0.0.1@${checksum}`);
}

/** A program that notes its arguments in a file, then runs `script` with them. */
export function writeProgram(path: string, script: string): string {
  writeFileSync(path, `#!/bin/sh\nprintf '%s\\n' "$*" >> "${path}.calls"\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** First two words of every call of a program of `writeProgram`, in order. */
export function callsOf(path: string): string[] {
  const file = `${path}.calls`;
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8").trim().split("\n").filter(Boolean);
}

export function clearCalls(path: string): void {
  rmSync(`${path}.calls`, { force: true });
}

/** Starts the plugin, asks its tool for a greeting, ends it. Rejects with its stderr when it ends before. */
export async function greet(plan: LaunchPlan): Promise<string[]> {
  const child = Bun.spawn([...plan.argv], {
    cwd: plan.cwd,
    env: { ...plan.env },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    detached: true,
  });
  const stderr = new Response(child.stderr).text();
  const data = {
    type: "tool",
    action: "invoke_tool",
    user_id: "u",
    provider: "hello",
    tool: "greet",
    credentials: {},
    tool_parameters: { name: "you" },
  };
  const ids = { conversation_id: null, message_id: null, app_id: null, endpoint_id: null };
  await child.stdin.write(
    `${JSON.stringify({ session_id: "s", ...ids, event: "request", context: {}, data })}\n`,
  );
  await child.stdin.flush();
  const texts: string[] = [];
  try {
    let rest = "";
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const message: SessionLine = line.startsWith("{") ? JSON.parse(line) : {};
        if (message.session_id !== "s") continue;
        if (message.data?.type === "end") return texts;
        if (message.data?.type === "error") throw new Error(line);
        const text = message.data?.data?.message?.text;
        if (text !== undefined) texts.push(text);
      }
    }
    throw new Error(`The plugin ended: ${await stderr}`);
  } finally {
    process.kill(-child.pid, "SIGKILL");
    await child.exited;
  }
}

interface SessionLine {
  session_id?: string;
  data?: { type?: string; data?: { message?: { text?: string } } };
}

function declare(runner: PluginDeclaration["meta"]["runner"]): PluginDeclaration {
  return {
    version: "0.0.1",
    author: "plugd-test",
    name: "hello",
    label: { en_US: "Hello" },
    description: { en_US: "Greets" },
    icon: "icon.svg",
    icon_dark: "",
    resource: { memory: 0 },
    plugins: {},
    meta: { version: "0.0.1", arch: ["amd64"], runner, minimum_dify_version: null },
    tags: [],
    created_at: "",
    verified: false,
  };
}

function createLog(warnings: Bench["warnings"]): Logger {
  const ignore = () => undefined;
  const log: Logger = {
    debug: ignore,
    info: ignore,
    warn: (message, attributes) => void warnings.push({ message, attributes }),
    error: (message, attributes) => void warnings.push({ message, attributes }),
    with: () => log,
  };
  return log;
}
