import { packZip } from "./pack.ts";
import { FAKE_PROVIDER, FAKE_TOOL, type FakePlugin, fakePluginFiles } from "./fake-plugin-package.ts";
import { until } from "./processes.ts";

export const TENANT = "0197f000-0000-7000-8000-000000000001";
export const OTHER_TENANT = "0197f000-0000-7000-8000-000000000002";

/** No request of a test takes longer than this, in milliseconds. */
const REQUEST_LIMIT_MS = 60_000;

/** The inner object of a failure's message; for `PluginInvokeError` the plugin's own error, unfolded. */
export interface Failure {
  readonly error_type: string;
  readonly message: string;
  readonly args: Readonly<Record<string, unknown>> | null;
}

/** One JSON answer of the management API. */
export interface Answer {
  readonly status: number;
  readonly code: number;
  readonly data: unknown;
  readonly failure: Failure | undefined;
  readonly text: string;
}

/** A whole dispatch answer, read to its end. */
export interface CallAnswer {
  readonly status: number;
  readonly type: string | null;
  readonly text: string;
  /** `data` of every frame with code 0. */
  readonly items: readonly unknown[];
  /** Of the last frame, when it has a negative code. */
  readonly failure: Failure | undefined;
}

export interface TaskItem {
  readonly plugin_unique_identifier: string;
  readonly status: string;
  readonly message: string;
}

export interface Task {
  readonly id: string;
  readonly status: string;
  readonly plugins: readonly TaskItem[];
}

export interface Installation {
  readonly id: string;
  readonly plugin_id: string;
  readonly plugin_unique_identifier: string;
}

export interface Installed {
  readonly identifier: string;
  readonly pluginId: string;
  readonly task: Task;
}

interface CallOptions {
  readonly tenant?: string;
  readonly signal?: AbortSignal;
}

/** The HTTP API of a running daemon as tests use it. Every request is bounded in time. */
export interface DaemonApi {
  /** Any path; JSON bodies are written as they are when they are texts. */
  request(path: string, init?: RequestInit): Promise<Response>;
  get(path: string, tenant?: string): Promise<Answer>;
  post(path: string, body: unknown, tenant?: string): Promise<Answer>;
  upload(bytes: Uint8Array, tenant?: string): Promise<Answer>;
  /** Uploads and answers the identifier; fails when it is refused. */
  uploaded(plugin: FakePlugin, changed?: Readonly<Record<string, string>>): Promise<string>;
  /** Starts an installation and answers the task's id. */
  startInstall(identifier: string, tenant?: string): Promise<string>;
  /** As `startInstall`, with a wish of where it is to run. */
  startInstallAs(
    identifier: string,
    where: { readonly runtime: "local" | "serverless" | "auto"; readonly tenant?: string },
  ): Promise<string>;
  task(id: string, tenant?: string): Promise<Task>;
  /** Waits until the task is `success` or `failed`. */
  finished(taskId: string, tenant?: string): Promise<Task>;
  /** Uploads, installs, waits; fails when the task did. */
  install(plugin: FakePlugin, tenant?: string): Promise<Installed>;
  installations(tenant?: string): Promise<readonly Installation[]>;
  /** The stream of a call of the fake plugin's tool. */
  open(
    pluginId: string,
    parameters: Readonly<Record<string, unknown>>,
    options?: CallOptions,
  ): Promise<Response>;
  call(
    pluginId: string,
    parameters: Readonly<Record<string, unknown>>,
    options?: CallOptions,
  ): Promise<CallAnswer>;
  /** Pid, environment and folder of the plugin's process. */
  facts(pluginId: string, tenant?: string): Promise<{ readonly pid: number; readonly cwd: string }>;
  health(): Promise<{ readonly busy: number; readonly active: number; readonly requests: number }>;
}

export function daemonApi(options: { readonly url: string; readonly key: string }): DaemonApi {
  const { url, key } = options;
  const at = (tenant: string, path: string) => `/plugin/${tenant}/management${path}`;

  function request(path: string, init: RequestInit = {}): Promise<Response> {
    const limit = AbortSignal.timeout(REQUEST_LIMIT_MS);
    const headers = new Headers(init.headers);
    if (!headers.has("x-api-key")) headers.set("x-api-key", key);
    return fetch(`${url}${path}`, {
      ...init,
      headers,
      signal: init.signal ? AbortSignal.any([init.signal, limit]) : limit,
      // A daemon that stops must not wait for connections that nobody uses any more.
      keepalive: false,
    });
  }

  async function install(
    identifier: string,
    { tenant, meta }: { readonly tenant: string; readonly meta: object },
  ): Promise<string> {
    const { data, text } = await api.post(
      "/install/identifiers",
      { plugin_unique_identifiers: [identifier], source: "package", metas: [meta] },
      tenant,
    );
    const taskId = (data as { task_id?: string } | null)?.task_id;
    if (taskId === undefined || taskId === "") throw new Error(`No task was started: ${text}`);
    return taskId;
  }

  const api: DaemonApi = {
    request,
    get: async (path, tenant = TENANT) => readAnswer(await request(at(tenant, path))),
    async post(path, body, tenant = TENANT) {
      return readAnswer(
        await request(at(tenant, path), {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
        }),
      );
    },
    async upload(bytes, tenant = TENANT) {
      const form = new FormData();
      form.append("dify_pkg", new Blob([Uint8Array.from(bytes)]), "plugin.difypkg");
      form.append("verify_signature", "false");
      return readAnswer(await request(at(tenant, "/install/upload/package"), { method: "POST", body: form }));
    },
    async uploaded(plugin, changed) {
      const { data, failure } = await api.upload(await fakePackage(plugin, changed));
      if (failure) throw new Error(`The package was refused: ${failure.message}`);
      return (data as { unique_identifier: string }).unique_identifier;
    },
    startInstall: (identifier, tenant = TENANT) => install(identifier, { tenant, meta: {} }),
    startInstallAs: (identifier, { runtime, tenant = TENANT }) =>
      install(identifier, { tenant, meta: { runtime } }),
    async task(id, tenant = TENANT) {
      const { data, text } = await api.get(`/install/tasks/${id}`, tenant);
      if (data === null) throw new Error(`There is no task: ${text}`);
      return data as Task;
    },
    async finished(taskId, tenant = TENANT) {
      let task = await api.task(taskId, tenant);
      await until(
        `task ${taskId} has ended`,
        async () => {
          task = await api.task(taskId, tenant);
          return task.status === "success" || task.status === "failed";
        },
        { withinMs: REQUEST_LIMIT_MS },
      );
      return task;
    },
    async install(plugin, tenant = TENANT) {
      const identifier = await api.uploaded(plugin);
      const task = await api.finished(await api.startInstall(identifier, tenant), tenant);
      if (task.status !== "success") throw new Error(`Not installed: ${JSON.stringify(task.plugins)}`);
      return { identifier, pluginId: identifier.slice(0, identifier.indexOf(":")), task };
    },
    async installations(tenant = TENANT) {
      const { data } = await api.get("/list?page=1&page_size=256", tenant);
      return (data as { list: Installation[] }).list;
    },
    open(pluginId, parameters, { tenant = TENANT, signal } = {}) {
      return request(`/plugin/${tenant}/dispatch/tool/invoke`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-plugin-id": pluginId },
        body: toolBody(parameters),
        ...(signal && { signal }),
      });
    },
    async call(pluginId, parameters, callOptions) {
      return readCall(await api.open(pluginId, parameters, callOptions));
    },
    async facts(pluginId, tenant = TENANT) {
      const { items, text } = await api.call(pluginId, { mode: "facts" }, { tenant });
      const [item] = items as { message: { json_object: { pid: number; cwd: string } } }[];
      if (!item) throw new Error(`The plugin tells nothing: ${text}`);
      return item.message.json_object;
    },
    async health() {
      const body = (await (await request("/health/check")).json()) as {
        pool_status: { busy: number };
        active_dispatch_requests: number;
        active_requests: number;
      };
      return {
        busy: body.pool_status.busy,
        active: body.active_dispatch_requests,
        requests: body.active_requests,
      };
    },
  };
  return api;
}

/** The body of a call of the fake plugin's tool. */
export function toolBody(parameters: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({
    user_id: "u1",
    data: { provider: FAKE_PROVIDER, tool: FAKE_TOOL, credentials: {}, tool_parameters: parameters },
  });
}

/** The fake plugin as a package, with some of its files replaced. */
export async function fakePackage(
  plugin: FakePlugin = {},
  changed: Readonly<Record<string, string>> = {},
): Promise<Uint8Array> {
  const files = await fakePluginFiles(plugin);
  return packZip(files.map(({ path, bytes }) => ({ name: path, data: changed[path] ?? bytes })));
}

export async function readAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  let body: { code?: number; data?: unknown; message?: string } = {};
  if (response.headers.get("content-type")?.startsWith("application/json")) body = JSON.parse(text);
  const code = body.code ?? Number.NaN;
  return {
    status: response.status,
    code,
    data: body.data ?? null,
    failure: code < 0 ? unfold(String(body.message)) : undefined,
    text,
  };
}

export async function readCall(response: Response): Promise<CallAnswer> {
  return parseCall(await response.text(), response);
}

/** `text` is the body, of an event stream or of a JSON answer. */
export function parseCall(text: string, head: Pick<Response, "status" | "headers">): CallAnswer {
  const type = head.headers.get("content-type");
  const bodies = type?.startsWith("text/event-stream")
    ? text
        .split("\n\n")
        .filter((event) => event !== "")
        .map((event) => event.replace(/^data: /, ""))
    : type?.startsWith("application/json")
      ? [text]
      : [];
  const frames = bodies.map((body) => JSON.parse(body) as { code: number; message: string; data: unknown });
  const last = frames.at(-1);
  return {
    status: head.status,
    type,
    text,
    items: frames.filter(({ code }) => code === 0).map(({ data }) => data),
    failure: last && last.code < 0 ? unfold(last.message) : undefined,
  };
}

function unfold(message: string): Failure {
  const outer = JSON.parse(message) as Failure;
  return outer.error_type === "PluginInvokeError" ? (JSON.parse(outer.message) as Failure) : outer;
}
