import { expect } from "bun:test";
import { exampleOf } from "./request-examples.ts";
import { APP_KEY, APP_TENANT, type AppRoute, type WholeApp } from "./whole-app.ts";

/** An answer of the whole app, its error unfolded. */
export interface AppAnswer {
  readonly status: number;
  readonly text: string;
  /** Of the envelope; undefined for streams, files and everything else without one. */
  readonly code: number | undefined;
  readonly error: { readonly message: string; readonly error_type: string } | undefined;
}

export interface AppRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | FormData | Uint8Array<ArrayBuffer> | undefined;
}

/** The parts of a request that the route takes, all of them valid. */
export function validRequest(app: WholeApp, { method, path, operation }: AppRoute): AppRequest {
  const { identifier, pluginId } = app;
  const query = new URLSearchParams();
  const headers: Record<string, string> = {};
  for (const { name, in: place, schema } of operation.parameters ?? []) {
    if (place === "query") query.append(name, String([exampleOf(schema, identifier)].flat()[0]));
    else if (place === "header") headers[name.toLowerCase()] = name === "X-Plugin-ID" ? pluginId : identifier;
  }
  const filled = path
    .replace(":tenant_id", APP_TENANT)
    .replace(":category", "tool")
    .replace(":hook_id", app.endpoint.hookId)
    .replace(":id", "0197f000-0000-7000-8000-000000000009")
    .replace("*", encodeURIComponent(identifier));
  const schema = operation.requestBody?.content["application/json"]?.schema;
  const isForm = operation.requestBody !== undefined && !schema;
  return {
    method,
    path: query.size > 0 ? `${filled}?${query.toString()}` : filled,
    headers: schema ? { ...headers, "content-type": "application/json" } : headers,
    ...(schema && { body: JSON.stringify(withEndpoint(exampleOf(schema, identifier), app.endpoint.id)) }),
    ...(isForm && { body: new FormData() }),
  };
}

function withEndpoint(body: unknown, id: string): unknown {
  const names = typeof body === "object" && body !== null && "endpoint_id" in body && !("data" in body);
  return names ? { ...body, endpoint_id: id } : body;
}

/**
 * Sends a request, with the key, and reads its answer to the end. Whatever was asked, an answer has an envelope or needs
 * none, nothing but a plugin fails with 500, and nothing is logged as an error of ours.
 */
export async function ask(app: WholeApp, { method, path, headers, body }: AppRequest): Promise<AppAnswer> {
  const request = new Request(`http://localhost${path}`, {
    method,
    headers: { "x-api-key": APP_KEY, ...headers },
    ...(body !== undefined && { body }),
  });
  const answer = await readAppAnswer(await app.fetch(request));
  expect(app.takeErrors()).toEqual([]);
  if (answer.status >= 500) expect(answer.error?.error_type).toBe("PluginInvokeError");
  if (answer.status >= 400 && answer.status !== 404) expect(answer.error).toBeDefined();
  return answer;
}

export async function readAppAnswer(response: Response): Promise<AppAnswer> {
  const { status } = response;
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
  const body: { readonly code?: unknown; readonly message?: unknown } =
    isJson && text.startsWith('{"code":') ? JSON.parse(text) : {};
  const code = typeof body.code === "number" ? body.code : undefined;
  const error = code !== undefined && code < 0 ? JSON.parse(String(body.message)) : undefined;
  return { status, text, code, error };
}
