import { Elysia } from "elysia";
import { InnerApiError } from "../../src/dify/inner-api-error.ts";
import type { InnerApi } from "../../src/dify/inner-api.ts";
import { failureOf, severityOf, statusOf } from "../../src/http/errors.ts";
import { endpointRoutes } from "../../src/http/routes/endpoint-management.ts";
import { createKeyedLock } from "../../src/lib/keyed-lock.ts";
import { createBackgroundWork } from "../../src/service/background-work.ts";
import { createEndpointDeclarations } from "../../src/service/endpoint-declarations.ts";
import { createEndpointLists, type ListedEndpoint } from "../../src/service/endpoint-lists.ts";
import { createEndpointManagement } from "../../src/service/endpoint-management.ts";
import { createEndpointSecrets } from "../../src/service/endpoint-secrets.ts";
import { createLog } from "../unit/service-install/support.ts";
import { declarationOf, identifierOf, installation, testStore, upload } from "../unit/store/test-store.ts";

type Values = Readonly<Record<string, unknown>>;

/** What the platform was asked. */
export interface Asked {
  readonly path: string;
  readonly body: Values & { readonly opt: string; readonly data: Values };
  readonly traceparent: string | undefined;
}

export const SECRET_FIELD = { name: "api_key", type: "secret-input", required: true, label: { en_US: "k" } };

/**
 * The management routes over a store in memory and a platform that marks what it encrypts. `refuse` names an operation
 * that it answers with an error, of the `kind`, `block` what it waits for.
 */
export function createEndpoints() {
  const { store, pass } = testStore();
  const asked: Asked[] = [];
  const log = createLog();
  const failures: unknown[] = [];
  const background = createBackgroundWork({ logger: log });
  const control = {
    refuse: undefined as string | undefined,
    kind: "answered" as InnerApiError["kind"],
    block: undefined as Promise<void> | undefined,
    answer: undefined as string | undefined,
    pauses: [] as number[],
  };
  const platform: Pick<InnerApi, "call"> = {
    async call(path, body, { signal, traceparent }) {
      const sent = JSON.parse(JSON.stringify(body)) as Asked["body"];
      asked.push({ path, body: sent, traceparent });
      await control.block;
      signal.throwIfAborted();
      if (control.refuse === sent.opt)
        throw new InnerApiError("opening", `request failed: cannot take ${JSON.stringify(sent)}`, {
          kind: control.kind,
        });
      const raw = control.answer ?? `{"data":${JSON.stringify(crypt(sent, body as Values))}}`;
      return { value: JSON.parse(raw), raw };
    },
  };
  const deps = {
    endpoints: store.endpoints,
    installations: store.installations,
    findDeclaration: createEndpointDeclarations({
      findDeclaration: (identifier) => store.declarations.get(identifier),
    }),
    secrets: createEndpointSecrets({ platform }),
  };
  const app = new Elysia()
    .onError(({ error, set }) => {
      if (severityOf(error)) failures.push(error);
      set.status = statusOf(error, { typed: false });
      return failureOf(error);
    })
    .use(
      endpointRoutes({
        management: createEndpointManagement({
          ...deps,
          lock: createKeyedLock(),
          background,
          pause: async (ms) => void control.pauses.push(ms),
          now: () => pass(1),
        }),
        lists: createEndpointLists(deps),
      }),
    );

  async function call(path: string, init: RequestInit = {}, tenant = "t1") {
    const response = await app.handle(new Request(`http://localhost/plugin/${tenant}/endpoint${path}`, init));
    const text = await response.text();
    const body = JSON.parse(text) as { code: number; message: string; data: unknown };
    const error =
      body.code < 0 ? (JSON.parse(body.message) as { message: string; error_type: string }) : undefined;
    return { status: response.status, code: body.code, data: body.data, error, text };
  }

  const post = (path: string, body: unknown, tenant?: string, init: RequestInit = {}) =>
    call(
      path,
      {
        ...init,
        method: "POST",
        headers: { "content-type": "application/json" },
        body: typeof body === "string" ? body : JSON.stringify(body),
      },
      tenant,
    );

  return {
    ...deps,
    store,
    asked,
    control,
    background,
    log,
    failures,
    get: (path: string, tenant?: string) => call(path, {}, tenant),
    post,
    /** Installs `acme/hooks` with these settings; undefined: without endpoints. */
    async install(
      settings: readonly unknown[] | null | undefined,
      options: { readonly version?: string; readonly permitted?: boolean; readonly tenant?: string } = {},
    ) {
      const { version = "1.0.0", permitted = true, tenant = "t1" } = options;
      const identifier = identifierOf("acme/hooks", version);
      const declaration = declarationOf("hooks", {
        version,
        resource: { memory: 1, permission: { endpoint: { enabled: permitted } } },
        ...(settings !== undefined && {
          endpoint: { settings, endpoints: [{ path: "/a", method: "GET", hidden: false }] },
        }),
      });
      await store.declarations.save(upload("acme/hooks", { identifier, declaration }));
      const { row } = await store.installations.add(installation(tenant, "acme/hooks", { identifier }));
      return { identifier, row };
    },
    setUp: (identifier: string, settings: unknown, name = "n", tenant?: string) =>
      post("/setup", { plugin_unique_identifier: identifier, user_id: "u1", name, settings }, tenant),
    async list(tenant?: string): Promise<readonly ListedEndpoint[]> {
      const answer = await call("/list?page=1&page_size=100", {}, tenant);
      if (answer.error) throw new Error(answer.error.message);
      return answer.data as ListedEndpoint[];
    },
    async counters(tenant = "t1") {
      const row = await store.installations.find(tenant, "acme/hooks");
      return [row?.endpointsSetups, row?.endpointsActive];
    },
  };
}

/** `enc:` before what is secret, or without it again. Other values stay the very same, digits and all. */
function crypt(sent: Asked["body"], body: Values): Values {
  if (sent.opt === "clear") return {};
  const config = sent["config"] as readonly { readonly name: string; readonly type: string }[];
  const secret = new Set(config.filter(({ type }) => type === "secret-input").map(({ name }) => name));
  return Object.fromEntries(
    Object.entries(body["data"] as Values).map(([name, value]) => [
      name,
      !secret.has(name) || typeof value !== "string"
        ? value
        : sent.opt === "encrypt"
          ? `enc:${value}`
          : value.replace(/^enc:/, ""),
    ]),
  );
}
