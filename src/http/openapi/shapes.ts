import { type TProperties, Type } from "@sinclair/typebox";

/*
 * The shapes of the management answers (contract/http-api 3.4, appendix A), for the document and for the tests that hold
 * the daemon's answers against it. Declarations keep what packages and SDKs bring, so they are open.
 */

function open<T extends TProperties>(properties: T, options: { readonly $id?: string } = {}) {
  return Type.Object(properties, { additionalProperties: true, ...options });
}

const I18n = open({
  en_US: Type.String(),
  zh_Hans: Type.Optional(Type.String()),
  ja_JP: Type.Optional(Type.String()),
  pt_BR: Type.Optional(Type.String()),
});
const Names = Type.Union([Type.Array(Type.String()), Type.Null()]);
const Time = Type.String({ description: "RFC 3339" });
const Identifier = Type.String({ description: "author/name:version@checksum" });
const RuntimeType = Type.Union([Type.Literal("local"), Type.Literal("remote"), Type.Literal("serverless")]);
const TaskStatus = Type.Union(
  ["pending", "running", "success", "failed"].map((status) => Type.Literal(status)),
);

export const Declaration = open(
  {
    version: Type.String(),
    type: Type.String(),
    author: Type.String(),
    name: Type.String(),
    label: I18n,
    description: I18n,
    icon: Type.String({
      description: "Asset id; the name in the package where the package itself was decoded",
    }),
    icon_dark: Type.String(),
    resource: open({ memory: Type.Number(), permission: Type.Optional(open({})) }),
    plugins: open({
      tools: Names,
      models: Names,
      endpoints: Names,
      agent_strategies: Names,
      datasources: Names,
      triggers: Names,
    }),
    meta: open({
      version: Type.String(),
      arch: Names,
      runner: open({ language: Type.String(), version: Type.String(), entrypoint: Type.String() }),
      minimum_dify_version: Type.Union([Type.String(), Type.Null()]),
    }),
    tags: Type.Array(Type.String()),
    created_at: Time,
    verified: Type.Boolean(),
    tool: Type.Optional(open({})),
    model: Type.Optional(open({})),
    endpoint: Type.Optional(open({})),
    agent_strategy: Type.Optional(open({})),
    datasource: Type.Optional(open({})),
    trigger: Type.Optional(open({})),
  },
  { $id: "Declaration" },
);

export const DecodedPackage = Type.Object(
  {
    unique_identifier: Identifier,
    manifest: Declaration,
    verification: Type.Union([Type.Object({ authorized_category: Type.String() }), Type.Null()]),
  },
  { $id: "DecodedPackage" },
);

export const BundleDependencies = Type.Array(
  Type.Union([
    Type.Object({
      type: Type.Literal("github"),
      value: open({
        repo_address: Type.String(),
        repo: Type.String(),
        release: Type.String(),
        packages: Type.String(),
      }),
    }),
    Type.Object({
      type: Type.Literal("marketplace"),
      value: open({ organization: Type.String(), plugin: Type.String(), version: Type.String() }),
    }),
    Type.Object({
      type: Type.Literal("package"),
      value: open({ unique_identifier: Identifier, manifest: Declaration }),
    }),
  ]),
);

export const InstallStarted = Type.Object(
  {
    all_installed: Type.Boolean(),
    task_id: Type.String({ description: "Empty when all_installed" }),
  },
  { $id: "InstallStarted" },
);

export const RuntimePage = Type.Object(
  {
    list: Type.Array(
      Type.Object({
        plugin_id: Type.String(),
        version: Type.String(),
        plugin_unique_identifier: Identifier,
        runtime_type: RuntimeType,
        reason: Type.String({ description: "Why it runs there, in words" }),
        state: Type.String(),
        sessions: Type.Integer(),
        restarts: Type.Integer(),
        last_failure: Type.String({ description: "Empty when there was none" }),
        function_name: Type.String({ description: "Empty unless it is a function" }),
        function_url: Type.String(),
      }),
    ),
    total: Type.Integer(),
  },
  { $id: "RuntimePage" },
);

export const InstallTask = Type.Object(
  {
    id: Type.String(),
    created_at: Time,
    updated_at: Time,
    status: TaskStatus,
    tenant_id: Type.String(),
    total_plugins: Type.Integer(),
    completed_plugins: Type.Integer(),
    plugins: Type.Array(
      Type.Object({
        plugin_unique_identifier: Identifier,
        labels: I18n,
        icon: Type.String(),
        icon_dark: Type.String(),
        plugin_id: Type.String(),
        status: TaskStatus,
        message: Type.String({ description: "The stage it is in; when it failed, why and what to do" }),
        source: Type.String(),
      }),
    ),
  },
  { $id: "InstallTask" },
);

const installationFields = {
  id: Type.String(),
  created_at: Time,
  updated_at: Time,
  tenant_id: Type.String(),
  plugin_id: Type.String(),
  plugin_unique_identifier: Identifier,
  runtime_type: RuntimeType,
  endpoints_setups: Type.Integer(),
  endpoints_active: Type.Integer(),
  source: Type.String(),
  meta: open({}),
  version: Type.String(),
  checksum: Type.String(),
  declaration: Declaration,
};

export const InstallationRow = Type.Object(installationFields, { $id: "InstallationRow" });
export const Installation = Type.Object(
  {
    ...installationFields,
    name: Type.String(),
    installation_id: Type.String(),
  },
  { $id: "Installation" },
);

export const Provider = open(
  {
    id: Type.String(),
    created_at: Time,
    updated_at: Time,
    tenant_id: Type.String(),
    provider: Type.String(),
    plugin_unique_identifier: Identifier,
    plugin_id: Type.String(),
    declaration: open({}),
  },
  { $id: "Provider" },
);

export const ModelBinding = Type.Object(
  {
    provider: Type.String(),
    installation_id: Type.String(),
    plugin_id: Type.String(),
    plugin_unique_identifier: Identifier,
    runtime_type: RuntimeType,
    source: Type.String(),
    version: Type.String(),
    verified: Type.Boolean(),
  },
  { $id: "ModelBinding" },
);

export const MissingPlugin = Type.Object(
  {
    plugin_unique_identifier: Identifier,
    current_identifier: Type.String({ description: "The version installed in its place, or empty" }),
  },
  { $id: "MissingPlugin" },
);

export const Endpoint = Type.Object(
  {
    id: Type.String(),
    created_at: Time,
    updated_at: Time,
    name: Type.String(),
    hook_id: Type.String({ description: "16 characters; the address of the endpoint is /e/HOOK_ID/" }),
    tenant_id: Type.String(),
    user_id: Type.String(),
    plugin_id: Type.String(),
    expired_at: Time,
    enabled: Type.Boolean(),
    settings: Type.Object({}, { additionalProperties: true, description: "Secrets are masked" }),
    declaration: open({
      settings: Type.Array(open({ name: Type.String(), type: Type.String() })),
      endpoints: Type.Array(open({ path: Type.String(), method: Type.String(), hidden: Type.Boolean() })),
    }),
  },
  { $id: "Endpoint" },
);

export const Readme = Type.Object({ content: Type.String(), language: Type.String() }, { $id: "Readme" });

export const Health = open(
  {
    status: Type.Literal("ok"),
    version: Type.String(),
    build_time: Type.String(),
    platform: Type.String(),
    active_requests: Type.Integer(),
    active_dispatch_requests: Type.Integer(),
    debug_connections: Type.Integer(),
    pool_status: Type.Object({ free: Type.Integer(), busy: Type.Integer(), total: Type.Integer() }),
  },
  { $id: "Health" },
);

/** All shapes with a name of their own. */
export const NAMED_SHAPES = [
  Declaration,
  DecodedPackage,
  InstallStarted,
  RuntimePage,
  InstallTask,
  InstallationRow,
  Installation,
  Provider,
  ModelBinding,
  MissingPlugin,
  Endpoint,
  Readme,
  Health,
];
