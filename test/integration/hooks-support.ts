import type { TestDaemon } from "../support/daemon.ts";
import { type Answer, readAnswer, TENANT } from "../support/daemon-api.ts";

export interface Endpoint {
  readonly id: string;
  readonly hook_id: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

type Values = Readonly<Record<string, unknown>>;

/** Endpoints of a running daemon as tests use them. */
export function endpointsOf(daemon: Pick<TestDaemon, "api">) {
  const at = (path: string) => `/plugin/${TENANT}/endpoint${path}`;
  async function post(path: string, body: unknown): Promise<Answer> {
    const init = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    };
    return readAnswer(await daemon.api.request(at(path), init));
  }
  async function list(): Promise<readonly Endpoint[]> {
    const { data, text } = await readAnswer(await daemon.api.request(at("/list?page=1&page_size=100")));
    if (!Array.isArray(data)) throw new Error(`No list: ${text}`);
    return data as Endpoint[];
  }
  return {
    post,
    list,
    /** Sets one up; answers the path of its hook, without a slash at the end. */
    async setUp(identifier: string, settings: Values): Promise<string> {
      const body = { plugin_unique_identifier: identifier, user_id: "u", name: "n", settings };
      const { code, text } = await post("/setup", body);
      if (code !== 0) throw new Error(`Not set up: ${text}`);
      const [endpoint] = await list();
      return `/e/${endpoint?.hook_id ?? ""}`;
    },
  };
}

/** A call of a hook; nothing of it is a secret of the API. */
export function callHook(
  daemon: Pick<TestDaemon, "url">,
  path: string,
  init: RequestInit = {},
): Promise<Response> {
  return fetch(`${daemon.url}${path}`, { signal: AbortSignal.timeout(25_000), redirect: "manual", ...init });
}

export const hex = (text: string) => Buffer.from(text).toString("hex");

/** Settings that make the fake plugin answer with these steps. */
export function script(steps: readonly Values[], more: Values = {}): Values {
  return { mode: "script", script: steps, ...more };
}
