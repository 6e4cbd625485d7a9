import type { TraceHeaders } from "../lib/traceparent.ts";
import { parseExact } from "../lib/exact-json.ts";
import type { KeyedLock } from "../lib/keyed-lock.ts";
import { uuidV7 } from "../lib/uuid-v7.ts";
import { isRecord } from "../lib/is-record.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import { requireIdentifier } from "../protocol/identifier.ts";
import type { EndpointRow, EndpointStore, InstallationStore } from "../store/store.ts";
import type { BackgroundWork } from "./background-work.ts";
import type { EndpointSection, FindEndpointDeclaration } from "./endpoint-declarations.ts";
import type { EndpointSecrets, SecretsCall, SecretsOf } from "./endpoint-secrets.ts";
import { checkSettings, type EndpointSettings, keepSecrets } from "./endpoint-settings.ts";

export interface NewEndpoint {
  readonly identifier: string;
  readonly userId: string;
  readonly name: string;
  readonly settings: EndpointSettings;
}

export interface EndpointChange {
  readonly endpointId: string;
  readonly userId: string;
  readonly name: string;
  readonly settings: EndpointSettings;
}

/** Sets up and changes endpoints (contract/backwards-invocation 5.6). Failures have the reference's words. */
export interface EndpointManagement {
  setUp(tenantId: string, endpoint: NewEndpoint, call: SecretsCall): Promise<void>;
  /** Name and settings are replaced as a whole; a secret that comes back as it is shown stays what it was. */
  update(tenantId: string, change: EndpointChange, call: SecretsCall): Promise<void>;
  /** Enables or disables; one that is so already stays so. */
  setEnabled(
    tenantId: string,
    change: { readonly endpointId: string; readonly enabled: boolean },
  ): Promise<void>;
  remove(tenantId: string, endpointId: string, trace: TraceHeaders): Promise<void>;
}

export interface EndpointManagementDeps {
  readonly endpoints: EndpointStore;
  readonly installations: Pick<InstallationStore, "find">;
  readonly findDeclaration: FindEndpointDeclaration;
  readonly secrets: EndpointSecrets;
  /** One change of an endpoint at a time. */
  readonly lock: KeyedLock;
  readonly background: Pick<BackgroundWork, "start">;
  /** Resolves after a while, or at once when the daemon closes. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<unknown>;
  readonly now: () => Date;
}

/**
 * A call that decrypts settings while its endpoint is removed is over by then, however busy the platform is, and cannot put
 * them back. Nobody waits for it: what the platform remembers is encrypted, and nothing asks for it any more.
 */
const CLEAR_AFTER_MS = 30_000;
const CLEAR_LIMIT_MS = 5_000;
const HOOK_ID_CHARS = 16;
const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";

export function createEndpointManagement(deps: EndpointManagementDeps): EndpointManagement {
  const { endpoints, installations, findDeclaration, secrets } = deps;

  /** The endpoint section of the version that the tenant has; undefined when it has none, or no such plugin. */
  async function sectionOf(tenantId: string, pluginId: string): Promise<EndpointSection | undefined> {
    const row = await installations.find(tenantId, pluginId);
    return row && (await findDeclaration(row.identifier))?.section;
  }

  async function changeSettings(row: EndpointRow, change: EndpointChange, call: SecretsCall): Promise<void> {
    const { tenantId, id } = row;
    const installation = await installations.find(tenantId, row.pluginId);
    if (!installation)
      throw new DaemonError("not_found", "failed to find plugin installation: record not found");
    const declaration = await findDeclaration(installation.identifier);
    if (!declaration) throw new DaemonError("plugin_not_found", "plugin not found");
    const section = requireSection(declaration.section);
    const of: SecretsOf = { tenantId, userId: change.userId, endpointId: id, section };
    const old = await secrets.decrypt(of, readSettings(row), call);
    const settings = keepSecrets(change.settings, { old, fields: section.fields });
    checkSettings(settings, section.fields);
    const stored = await secrets.encrypt(of, settings, call);
    const { name } = change;
    if (!(await endpoints.update(tenantId, id, { name, settings: JSON.stringify(stored) }))) throw notFound();
    // The platform would go on with the old ones, so a client that leaves now changes nothing.
    await secrets.clear(of, settings, { ...call, signal: new AbortController().signal });
  }

  return {
    async setUp(tenantId, { identifier, userId, name, settings }, call) {
      const { pluginId } = requireIdentifier(identifier);
      const row = await installations.find(tenantId, pluginId);
      const declaration = row?.identifier === identifier ? await findDeclaration(identifier) : undefined;
      if (!declaration) throw new DaemonError("plugin_not_found", "plugin not found");
      if (!declaration.permitted)
        throw new DaemonError(
          "permission_denied",
          "permission denied, you need to enable endpoint access in plugin manifest",
        );
      const section = requireSection(declaration.section);
      checkSettings(settings, section.fields);
      // The id comes first: the platform binds what it encrypts to it, and a refusal must leave no row.
      const id = uuidV7(deps.now());
      const stored = await secrets.encrypt({ tenantId, userId, endpointId: id, section }, settings, call);
      const added = await endpoints.add({
        id,
        hookId: createHookId(),
        tenantId,
        userId,
        pluginId,
        name,
        settings: JSON.stringify(stored),
      });
      if (!added) throw new DaemonError("plugin_not_found", "plugin not found");
    },

    update: (tenantId, change, call) =>
      deps.lock.run(
        change.endpointId,
        async () => {
          const row = await endpoints.byId(tenantId, change.endpointId);
          if (!row) throw notFound();
          await changeSettings(row, change, call);
        },
        { signal: call.signal },
      ),

    async setEnabled(tenantId, { endpointId, enabled }) {
      if (!(await endpoints.setEnabled(tenantId, endpointId, enabled)))
        throw new DaemonError("not_found", "endpoint not found");
    },

    async remove(tenantId, endpointId, trace) {
      const row = await endpoints.remove(tenantId, endpointId);
      // Clients take exactly these words for "it is gone already".
      if (!row) throw new DaemonError("internal", "failed to remove endpoint: record not found");
      const section = await sectionOf(tenantId, row.pluginId);
      // Without the fields of a plugin that is gone the platform clears nothing; what it remembers expires.
      if (!section) return;
      deps.background.start("clear the settings of a removed endpoint", async (closing) => {
        await deps.pause(CLEAR_AFTER_MS, closing);
        // A platform that is down must not hold up the end of the daemon.
        const signal = AbortSignal.timeout(CLEAR_LIMIT_MS);
        const of: SecretsOf = { tenantId, userId: row.userId, endpointId, section };
        await secrets.clear(of, {}, { ...trace, signal });
      });
    },
  };
}

/** The stored settings of an endpoint, its secrets encrypted. */
export function readSettings({ settings }: EndpointRow): EndpointSettings {
  const { exact } = parseExact(settings);
  return isRecord(exact) ? exact : {};
}

function requireSection(section: EndpointSection | undefined): EndpointSection {
  if (!section) throw new DaemonError("bad_request", "plugin does not have an endpoint");
  return section;
}

function notFound(): DaemonError {
  return new DaemonError("not_found", "failed to find endpoint: record not found");
}

/** Nothing else keeps strangers off a hook, so it has to be unguessable: 82 bits. */
function createHookId(): string {
  let id = "";
  while (id.length < HOOK_ID_CHARS)
    for (const byte of crypto.getRandomValues(new Uint8Array(HOOK_ID_CHARS)))
      // The bytes beyond would make the first letters of the alphabet likelier.
      if (byte < 252 && id.length < HOOK_ID_CHARS) id += ALPHABET[byte % ALPHABET.length];
  return id;
}
