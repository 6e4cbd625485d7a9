import type { InnerApi } from "../dify/inner-api.ts";
import { InnerApiError } from "../dify/inner-api-error.ts";
import { parseExact } from "../lib/exact-json.ts";
import { rawMember } from "../lib/json-scan.ts";
import type { TraceHeaders } from "../lib/traceparent.ts";
import { isRecord } from "../lib/is-record.ts";
import { DaemonError } from "../protocol/daemon-error.ts";
import type { EndpointSection } from "./endpoint-declarations.ts";
import { type EndpointSettings, secretNames } from "./endpoint-settings.ts";

/** Whose settings, and on whose behalf. */
export interface SecretsOf {
  readonly tenantId: string;
  /** Empty where nobody in particular asks. */
  readonly userId: string;
  readonly endpointId: string;
  readonly section: EndpointSection;
}

/** The trace headers are passed on. */
export interface SecretsCall extends TraceHeaders {
  readonly signal: AbortSignal;
}

/**
 * Secret settings, encrypted by the platform, which alone has the keys (contract/backwards-invocation 4.2). Without a
 * secret among the fields nothing is asked. Failures are `internal`, and hold none of the values.
 */
export interface EndpointSecrets {
  encrypt(of: SecretsOf, settings: EndpointSettings, call: SecretsCall): Promise<EndpointSettings>;
  decrypt(of: SecretsOf, settings: EndpointSettings, call: SecretsCall): Promise<EndpointSettings>;
  /** Makes the platform forget what it remembers of this endpoint. */
  clear(of: SecretsOf, settings: EndpointSettings, call: SecretsCall): Promise<void>;
}

type Operation = "encrypt" | "decrypt" | "clear";

/** What callers are told of an outage; the platform's address and answer go to the log. */
const OUTAGES: Readonly<Record<Exclude<InnerApiError["kind"], "answered">, string>> = {
  status: "the platform refused the request",
  unreachable: "the platform cannot be reached",
  timeout: "the platform took too long",
  broken: "the answer of the platform cannot be read",
};

const FAILED: Readonly<Record<Operation, string>> = {
  encrypt: "failed to encrypt settings",
  decrypt: "failed to decrypt settings",
  clear: "failed to clear credentials cache",
};

/** Shorter ones would take words apart, and tell nothing. */
const SCRUBBED_FROM = 3;

export function createEndpointSecrets({
  platform,
}: {
  readonly platform: Pick<InnerApi, "call">;
}): EndpointSecrets {
  async function ask(
    opt: Operation,
    { tenantId, userId, endpointId, section }: SecretsOf,
    { settings, ...call }: SecretsCall & { readonly settings: EndpointSettings },
  ): Promise<EndpointSettings> {
    const secrets = secretNames(section.fields);
    if (secrets.length === 0) return settings;
    const body = {
      tenant_id: tenantId,
      user_id: userId,
      type: "encrypt",
      opt,
      namespace: "endpoint",
      identity: endpointId,
      data: settings,
      config: section.settings,
    };
    try {
      const reply = await platform.call("invoke/encrypt", body, call);
      const data = rawMember(reply.raw, ["data"]);
      const exact = data === undefined ? undefined : parseExact(data).exact;
      if (!isRecord(exact)) throw new Error("data is nil");
      return exact;
    } catch (cause) {
      call.signal.throwIfAborted();
      throw failed(
        opt,
        cause,
        secrets.map((name) => settings[name]),
      );
    }
  }

  return {
    encrypt: (of, settings, call) => ask("encrypt", of, { ...call, settings }),
    decrypt: (of, settings, call) => ask("decrypt", of, { ...call, settings }),
    async clear(of, settings, call) {
      await ask("clear", of, { ...call, settings });
    },
  };
}

/** What the platform says goes to logs and callers, and it may quote what it was sent. */
function failed(opt: Operation, cause: unknown, secrets: readonly unknown[]): DaemonError {
  const kind = cause instanceof InnerApiError ? cause.kind : "broken";
  const why = scrub(messageOf(cause), secrets);
  // That the platform says no is its caller's affair; of everything else an operator has to know.
  if (kind === "answered") return new DaemonError("internal", `${FAILED[opt]}: ${why}`);
  const below = cause instanceof Error && cause.cause !== undefined ? messageOf(cause.cause) : undefined;
  return new DaemonError("internal", `${FAILED[opt]}: ${OUTAGES[kind]}`, {
    cause: new Error(below === undefined ? why : `${why} (${scrub(below, secrets)})`),
    hint: "Check DIFY_INNER_API_URL and DIFY_INNER_API_KEY, and that Dify answers there",
  });
}

function scrub(text: string, secrets: readonly unknown[]): string {
  let scrubbed = text;
  for (const secret of secrets)
    if (typeof secret === "string" && secret.length >= SCRUBBED_FROM)
      scrubbed = scrubbed.replaceAll(secret, "***").replaceAll(JSON.stringify(secret).slice(1, -1), "***");
  return scrubbed;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
