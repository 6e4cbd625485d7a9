import { errorMessage } from "../../lib/describe-error.ts";
import { parseExact } from "../../lib/exact-json.ts";
import { isRecord } from "../../lib/is-record.ts";
import type { Logger } from "../../lib/logger.ts";
import type { Reload } from "../../protocol/messages.ts";
import { createCodecFor, type Runner } from "../../protocol/runner.ts";
import type { TcpChannel } from "../../transport/tcp.ts";
import {
  type AuthMessage,
  authFailed,
  authSuccess,
  decodeAuth,
  type InstalledDeclaration,
  pluginOfAuth,
} from "./auth.ts";
import type { Counted } from "./counted.ts";
import {
  createDebugConnection,
  type DebugConnection,
  type DebugConnectionSettings,
} from "./debug-connection.ts";
import type { DebugRuntimes } from "./debug-runtimes.ts";
import { type DebuggedPlugin, debuggedPlugin } from "./debugged-plugin.ts";
import type { FailedKeys } from "./failed-keys.ts";
import type { DebugHelpers, HelpedPlugin, HelperObserver } from "./debug-helpers.ts";
import { createLineReader, type LineReader, LineTooLongError } from "./line-reader.ts";
import {
  INITIAL_REGISTRATION,
  INVALID_KEY,
  INVALID_MESSAGE,
  nextRegistration,
  type Registration,
  type RegistrationInput,
} from "./registration.ts";

export interface ServeConnectionDeps {
  /** Whom a key belongs to; undefined when nobody. Throws when that cannot be told. */
  tenantOf(key: string): Promise<string | undefined>;
  /** What a tenant has under a plugin id. */
  installed(tenantId: string, pluginId: string): Promise<InstalledDeclaration | undefined>;
  readonly runtimes: DebugRuntimes;
  readonly helpers: Pick<DebugHelpers, "serve">;
  /** What plugins tell while they are debugged. */
  readonly observer: Pick<HelperObserver, "breakpoint" | "reload">;
  readonly settings: DebugConnectionSettings;
  readonly failedKeys: FailedKeys;
  /** Connections by tenant. */
  readonly tenants: { readonly plugins: Counted; readonly helpers: Counted };
  /** A connection whose key is not known by then is closed. */
  readonly handshakeMs: number;
  /** The same for its registration, counted from the key. */
  readonly registrationMs: number;
  readonly log: Logger;
  /** The log of a plugin's own life. */
  readonly logOf: (plugin: DebuggedPlugin) => Logger;
}

/** Serves one connection from its first byte to its end. Never rejects. */
export type ServeConnection = (channel: TcpChannel) => Promise<void>;

export const BUSY = "server is busy now, please try again later";
const LIMITED = "handshake failed, too many invalid keys from this address, try again in a minute";
/** Before anybody is known. An `auth` may bring a whole declaration. */
const FIRST_LINE_BYTES = 1024 * 1024;
/** Of all lines until the end of the registration: declarations, and 50 MiB of assets in base64. */
const REGISTRATION_BYTES = 160 * 1024 * 1024;

const SDK = { dialect: "sdk", liveness: "told" } as const;

/** A registered client, and what it is told. */
interface Client {
  readonly kind: "plugin";
  readonly plugin: DebuggedPlugin;
  readonly runner: Pick<Runner, "dialect" | "liveness">;
  readonly welcome?: string;
}

/** A helper of a plugin, with what it is told. */
interface HelperClient {
  readonly kind: "helper";
  readonly plugin: HelpedPlugin;
  readonly welcome: string;
}

/** What ends a connection before it is registered, with the last words for its client. */
class Refusal extends Error {
  readonly lastWords: string;
  constructor(why: string, lastWords: string) {
    super(why);
    this.name = "Refusal";
    this.lastWords = lastWords;
  }
}

export function createServeConnection(deps: ServeConnectionDeps): ServeConnection {
  const { log, runtimes, failedKeys } = deps;

  return async (channel) => {
    /** Its place among the connections of its tenant. */
    let leave: (() => void) | undefined;
    // Closed without a word, as in the reference.
    let timer = setTimeout(() => void channel.close(), deps.handshakeMs);

    const visit: Visit = {
      channel,
      reader: createLineReader(channel),
      enter(tenantId, as = "plugins") {
        leave = deps.tenants[as].take(tenantId);
        if (!leave) return false;
        clearTimeout(timer);
        timer = setTimeout(
          () => void channel.end("register failed, it took too long\n"),
          deps.registrationMs,
        );
        return true;
      },
    };
    try {
      const client = await register(visit);
      clearTimeout(timer);
      if (client?.kind === "helper") await deps.helpers.serve(client.plugin, { ...visit, ...client });
      else if (client) await stay(visit, client);
    } catch (cause) {
      const refusal = refusalOf(cause);
      log.info("Debugging connection refused", { from: channel.label, why: refusal.message });
      await channel.end(refusal.lastWords);
    } finally {
      clearTimeout(timer);
      leave?.();
      await channel.close();
    }
  };

  function refusalOf(cause: unknown): Refusal {
    if (cause instanceof Refusal) return cause;
    if (cause instanceof LineTooLongError) return new Refusal(cause.message, `${INVALID_MESSAGE}\n`);
    return textual(`register failed, ${errorMessage(cause)}`);
  }

  /** Undefined when the client has left. */
  async function register(visit: Visit): Promise<Client | HelperClient | undefined> {
    const first = await visit.reader.next(FIRST_LINE_BYTES);
    if (first === undefined) return undefined;
    const message = parse(first);
    if (isRecord(message) && message["type"] === "auth") return authenticated(visit, message);
    const registration = await registered(visit, first);
    if (!registration) return undefined;
    try {
      return { kind: "plugin", plugin: await debuggedPlugin(registration), runner: SDK };
    } catch (cause) {
      throw textual(errorMessage(cause));
    }
  }

  async function registered(visit: Visit, first: string): Promise<Registration | undefined> {
    let state = INITIAL_REGISTRATION;
    let bytes = 0;
    for (let line: string | undefined = first; line !== undefined;) {
      bytes += line.length;
      if (bytes > REGISTRATION_BYTES)
        throw textual(`register failed, it has more than ${REGISTRATION_BYTES} bytes`);
      let { state: next, effect } = nextRegistration(state, inputOf(line));
      if (effect.kind === "check_key")
        ({ state: next, effect } = nextRegistration(next, await checkKey(visit, effect.key)));
      state = next;
      if (effect.kind === "refuse") throw textual(effect.text);
      if (effect.kind === "complete") return effect.registration;
      line = await visit.reader.next(deps.settings.maxLineBytes);
    }
    return undefined;
  }

  async function checkKey({ channel, enter }: Visit, key: string): Promise<RegistrationInput> {
    if (failedKeys.isLimited(channel.address)) throw textual(LIMITED);
    const tenantId = await deps.tenantOf(key).catch((cause: unknown) => {
      throw textual(`failed to get connection info: ${errorMessage(cause)}`);
    });
    if (tenantId === undefined) {
      failedKeys.note(channel.address);
      return { kind: "unknown_key" };
    }
    if (!enter(tenantId)) throw textual(BUSY);
    return { kind: "tenant", tenantId };
  }

  async function authenticated(
    { channel, enter }: Visit,
    message: Readonly<Record<string, unknown>>,
  ): Promise<Client | HelperClient> {
    const auth = decodeAuth(message);
    if (!auth)
      throw json("INVALID_MESSAGE", 'An auth message needs an "api_key" and a "plugin_id", both as texts');
    if (failedKeys.isLimited(channel.address)) throw json("RATE_LIMITED", LIMITED);
    const tenantId = await deps.tenantOf(auth.apiKey).catch((cause: unknown) => {
      throw json("INTERNAL_ERROR", errorMessage(cause));
    });
    if (tenantId === undefined) {
      failedKeys.note(channel.address);
      throw json("INVALID_API_KEY", INVALID_KEY);
    }
    if (!enter(tenantId, auth.helper ? "helpers" : "plugins")) throw json("SERVER_BUSY", BUSY);
    if (auth.helper) return helperOf(tenantId, auth);
    const client = await pluginOf(tenantId, auth);
    const beats = client.plugin.declaration.meta.runner.heartbeat !== false;
    return { ...client, runner: { dialect: "plain", liveness: beats ? "asked" : "none" } };
  }

  /** Of a plugin that is debugged or installed: the place of a plugin with this id, not one of its own. */
  async function helperOf(tenantId: string, { pluginId = "" }: AuthMessage): Promise<HelperClient> {
    if (!(await deps.installed(tenantId, pluginId)))
      throw json("PLUGIN_NOT_FOUND", `Plugin ${JSON.stringify(pluginId)} is neither connected nor installed`);
    return { kind: "helper", plugin: { tenantId, pluginId }, welcome: authSuccess(crypto.randomUUID()) };
  }

  async function pluginOf(tenantId: string, auth: AuthMessage): Promise<Omit<Client, "runner">> {
    const earlier = auth.sessionId === undefined ? undefined : runtimes.resumed(tenantId, auth.sessionId);
    const sessionId = earlier?.sessionId ?? crypto.randomUUID();
    const welcome = authSuccess(sessionId);
    // What has not changed need not be sent again.
    if (earlier && auth.declaration === undefined && isOf(earlier, auth.pluginId))
      return { kind: "plugin", plugin: earlier, welcome };
    const named = await pluginOfAuth(auth, {
      tenantId,
      installed: (pluginId) => deps.installed(tenantId, pluginId),
    });
    if (named.kind === "refused") throw json(named.code, named.message);
    return { kind: "plugin", plugin: { ...named.plugin, sessionId }, welcome };
  }

  async function stay({ channel, reader }: Visit, { plugin, runner, welcome }: Client): Promise<void> {
    const { identifier, tenantId } = plugin;
    const { pluginId } = identifier;
    const name = `${pluginId}:${identifier.version}`;
    reader.release();
    const ownLog = deps.logOf(plugin);
    /** Reloads one after the other. */
    let reloads = Promise.resolve();
    const connection = createDebugConnection(channel, {
      ...deps.settings,
      plugin: name,
      codec: createCodecFor(runner),
      liveness: runner.liveness,
      log: ownLog,
      onBreakpoint: (breakpoint) => deps.observer.breakpoint({ tenantId, pluginId }, breakpoint),
      onReload(reload) {
        reloads = reloads.then(async () => {
          const told = await reloaded(plugin, { connection, reload });
          deps.observer.reload({ tenantId, pluginId }, told);
        });
      },
    });
    try {
      await runtimes.connect(plugin, {
        connection,
        welcome: welcome === undefined ? undefined : () => channel.write(welcome),
      });
    } catch (cause) {
      const why = errorMessage(cause);
      throw welcome === undefined ? textual(`register failed, ${why}`) : json("INTERNAL_ERROR", why);
    }
    ownLog.info("Debugging connection registered", {
      plugin: name,
      tenant: tenantId,
      from: channel.label,
      dialect: runner.dialect,
    });
    await connection.ended;
    await reloads;
  }

  /** What those who watch are told of a reload; a declaration that cannot be taken leaves the one before. Never rejects. */
  async function reloaded(
    { tenantId, identifier, sessionId }: DebuggedPlugin,
    { connection, reload }: { readonly connection: DebugConnection; readonly reload: Reload },
  ): Promise<Reload> {
    const { declaration } = reload;
    if (declaration === undefined) return reload;
    try {
      const { pluginId } = identifier;
      const named = await pluginOfAuth(
        { pluginId, declaration },
        { tenantId, installed: (id) => deps.installed(tenantId, id) },
      );
      if (named.kind === "refused") return { ...reload, status: "refused", message: named.message };
      const plugin = { ...named.plugin, ...(sessionId !== undefined && { sessionId }) };
      await runtimes.redeclare(connection, plugin);
      return reload;
    } catch (cause) {
      return { ...reload, status: "refused", message: errorMessage(cause) };
    }
  }
}

/** A connection on its way to be registered. */
interface Visit {
  readonly channel: TcpChannel;
  readonly reader: LineReader;
  /** Its key is known. False when the tenant has no connection left. */
  readonly enter: (tenantId: string, as?: "plugins" | "helpers") => boolean;
}

function isOf({ identifier }: DebuggedPlugin, pluginId: string | undefined): boolean {
  return pluginId === undefined || pluginId === identifier.pluginId;
}

function inputOf(line: string): RegistrationInput {
  const message = parse(line);
  if (!isRecord(message) || typeof message["type"] !== "string" || !("data" in message))
    return { kind: "malformed" };
  return { kind: "message", type: message["type"], data: message["data"] };
}

/** Numbers keep their digits. Undefined where the text is no JSON. */
function parse(line: string): unknown {
  try {
    return parseExact(line).exact;
  } catch {
    return undefined;
  }
}

function textual(text: string): Refusal {
  return new Refusal(text, `${text}\n`);
}

function json(code: Parameters<typeof authFailed>[0], message: string): Refusal {
  return new Refusal(message, authFailed(code, message));
}
