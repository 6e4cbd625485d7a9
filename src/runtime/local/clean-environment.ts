/** Variables by name; a missing one is undefined. */
export type HostEnvironment = Readonly<Record<string, string | undefined>>;

export interface ProxySettings {
  readonly http: string | undefined;
  readonly https: string | undefined;
  readonly no: string | undefined;
}

/** What every program needs to work on this machine; a name that ends in `*` stands for all that begin so. */
const EVERYWHERE = [
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "LANG",
  "LANGUAGE",
  "LC_*",
  "TZ",
  "TMPDIR",
  "LD_LIBRARY_PATH",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "ALL_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "all_proxy",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "REQUESTS_CA_BUNDLE",
  "CURL_CA_BUNDLE",
  "NODE_EXTRA_CA_CERTS",
];

/** For uv, pip, bun install and what they build with. */
const TOOLS = [
  ...EVERYWHERE,
  "UV_INDEX_NEXUS_USERNAME",
  "UV_INDEX_NEXUS_PASSWORD",
  "NPM_CONFIG_REGISTRY",
  "npm_config_registry",
  "BUN_CONFIG_REGISTRY",
  "GIT_SSL_CAINFO",
  "SSH_AUTH_SOCK",
  "CC",
  "CXX",
  "CFLAGS",
  "CXXFLAGS",
  "CPPFLAGS",
  "LDFLAGS",
  "PKG_CONFIG_PATH",
];

/** For plugins: what the reference's image sets for them, and the SDK's own settings (contract/plugin-wire 1.1, 7.6). */
const PLUGINS = [
  ...EVERYWHERE,
  "PYTHONIOENCODING",
  "PYTHONUTF8",
  "TIKTOKEN_CACHE_DIR",
  "HF_*",
  "FILES_URL",
  "MAX_REQUEST_TIMEOUT",
  "MAX_INVOCATION_TIMEOUT",
  "MAX_WORKER",
  "HEARTBEAT_INTERVAL",
  "HTTPX_TIMEOUT",
];

/** The daemon's own: never handed on, neither by name nor by prefix. */
const DAEMON_SECRETS =
  /^(?:SERVER_KEY|DIFY_INNER_API_KEY|PLUGIN_DAEMON_KEY|PLUGIN_DIFY_INNER_API_KEY|ADMIN_API_KEY|DIFY_PLUGIN_SERVERLESS_CONNECTOR_API_KEY|SENTRY_DSN|OTEL_API_KEY|OTLP_API_KEY|UV_INDEX_\w+_PASSWORD|(?:DB|REDIS|POSTGRES|MYSQL|CELERY|S3|AWS|AZURE|AZURE_BLOB_STORAGE|ALIYUN_OSS|TENCENT_COS|HUAWEI_OBS|VOLCENGINE_TOS|GCS)_\w+|\w*SECRET\w*)$/i;
/** Looks like a secret: handed on when an operator names it, never because it has a prefix. */
const SECRET_LOOKING = /(?:^|_)(?:PASSWORD|PASSWD|PASS|TOKEN|KEY|CREDENTIALS?|DSN)(?:_|$)/i;

/** The environment of a tool that prepares a plugin. */
export function toolEnvironment(host: HostEnvironment, proxies: ProxySettings): Record<string, string> {
  return { ...pick(host, TOOLS), ...proxyVariables(proxies) };
}

/**
 * The environment of a plugin's process: an allow-list, and what operators add by `passthrough` (names, or prefixes
 * that end in `*`). The rule for secrets: the daemon's own keys, everything of its database, Redis and storage
 * (`DB_*`, `REDIS_*`, `S3_*`, `AWS_*`, …) and every name with `SECRET` in it never pass; other names that look like
 * a secret (`…_TOKEN`, `…_PASSWORD`, `…_KEY`) pass when named in full, not by a prefix.
 */
export function pluginEnvironment(
  host: HostEnvironment,
  options: { readonly proxies: ProxySettings; readonly passthrough: readonly string[] },
): Record<string, string> {
  const names = options.passthrough.map((name) => name.trim());
  const exact = new Set(names);
  const added = Object.entries(pick(host, names)).filter(
    ([name]) => !DAEMON_SECRETS.test(name) && (exact.has(name) || !SECRET_LOOKING.test(name)),
  );
  return {
    ...pick(host, PLUGINS),
    ...Object.fromEntries(added),
    ...proxyVariables(options.proxies),
    INSTALL_METHOD: "local",
  };
}

function pick(host: HostEnvironment, names: readonly string[]): Record<string, string> {
  const exact = new Set(names);
  const prefixes = names
    .filter((name) => name.endsWith("*") && name.length > 1)
    .map((name) => name.slice(0, -1));
  const picked: Record<string, string> = {};
  for (const [name, value] of Object.entries(host))
    if (value !== undefined && (exact.has(name) || prefixes.some((prefix) => name.startsWith(prefix))))
      picked[name] = value;
  return picked;
}

function proxyVariables(proxies: ProxySettings): Record<string, string> {
  return {
    ...(proxies.http ? { HTTP_PROXY: proxies.http } : {}),
    ...(proxies.https ? { HTTPS_PROXY: proxies.https } : {}),
    ...(proxies.no ? { NO_PROXY: proxies.no } : {}),
  };
}
