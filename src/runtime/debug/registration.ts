import { errorMessage } from "../../lib/describe-error.ts";
import {
  decodeTransmittedManifest,
  type Transmitted,
  type TransmittedKind,
  withTransmittedProvider,
} from "../../package/declaration/transmitted.ts";

/**
 * Registration of a plugin over a debugging connection, as a pure function (contract/plugin-wire 2.3, 2.4).
 *
 *           handshake             tenant               end
 *   greeted ─────────▶ checking ─────────▶ declaring ─────────▶ over (complete)
 *      │                  │                 │     ▲
 *      │                  │ unknown_key     │     └─ declarations, assets, what nobody knows
 *      └──────────────────┴─────────────────┴──── anything else ──▶ over (refused)
 *
 * The texts of refusals are the reference's up to a colon, behind which they are our own.
 */
export type RegistrationState =
  | { readonly kind: "greeted" }
  | { readonly kind: "checking" }
  | {
      readonly kind: "declaring";
      readonly tenantId: string;
      readonly manifest: Transmitted["manifest"] | undefined;
      readonly providers: Transmitted["providers"];
      readonly seen: ReadonlySet<TransmittedKind>;
      readonly assets: ReadonlyMap<string, AssetChunks>;
      /** Of all assets, decoded. */
      readonly assetBytes: number;
    }
  | { readonly kind: "over" };

/** The chunks of a file, the last one first. */
interface AssetChunks {
  readonly bytes: Uint8Array;
  readonly before: AssetChunks | undefined;
}

export type RegistrationInput =
  | { readonly kind: "message"; readonly type: string; readonly data: unknown }
  /** A line that is no JSON object with `type` and `data`. */
  | { readonly kind: "malformed" }
  /** Whom the key of the handshake belongs to. */
  | { readonly kind: "tenant"; readonly tenantId: string }
  | { readonly kind: "unknown_key" };

export interface Registration {
  readonly tenantId: string;
  readonly transmitted: Transmitted;
  /** By name. */
  readonly assets: ReadonlyMap<string, Uint8Array>;
}

export type RegistrationEffect =
  | { readonly kind: "read_on" }
  | { readonly kind: "check_key"; readonly key: string }
  /** One or more lines to write before the connection is closed. */
  | { readonly kind: "refuse"; readonly text: string }
  | { readonly kind: "complete"; readonly registration: Registration };

export interface RegistrationStep {
  readonly state: RegistrationState;
  readonly effect: RegistrationEffect;
}

export const INITIAL_REGISTRATION: RegistrationState = { kind: "greeted" };
export const INVALID_MESSAGE = "handshake failed, invalid handshake message";
export const INVALID_KEY = "handshake failed, invalid key";

const MAX_ASSET_BYTES = 50 * 1024 * 1024;
const MAX_ASSETS = 4096;
const READ_ON: RegistrationEffect = { kind: "read_on" };
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** Kind, and how refusals call it before and behind the comma. */
const DECLARATIONS: ReadonlyMap<string, readonly [TransmittedKind, string, string]> = new Map([
  ["tool_declaration", ["tool", "tools", "tools"]],
  ["model_declaration", ["model", "models", "models"]],
  ["endpoint_declaration", ["endpoint", "endpoints", "endpoints"]],
  ["agent_strategy_declaration", ["agent_strategy", "agent strategy", "agent strategies"]],
  ["datasource_declaration", ["datasource", "datasource", "datasources"]],
  ["trigger_declaration", ["trigger", "trigger", "triggers"]],
]);

type Declaring = Extract<RegistrationState, { kind: "declaring" }>;

export function nextRegistration(state: RegistrationState, input: RegistrationInput): RegistrationStep {
  switch (state.kind) {
    case "greeted":
      return greeted(input);
    case "checking":
      if (input.kind === "tenant")
        return {
          state: {
            kind: "declaring",
            tenantId: input.tenantId,
            manifest: undefined,
            providers: {},
            seen: new Set(),
            assets: new Map(),
            assetBytes: 0,
          },
          effect: READ_ON,
        };
      return refuse(input.kind === "unknown_key" ? INVALID_KEY : INVALID_MESSAGE);
    case "declaring":
      return input.kind === "message" ? declaring(state, input) : refuse(INVALID_MESSAGE);
    case "over":
      return { state, effect: READ_ON };
  }
}

/** The reference takes other messages before the handshake, too, and registers them for no tenant at all. */
function greeted(input: RegistrationInput): RegistrationStep {
  if (input.kind !== "message" || input.type !== "handshake") return refuse(INVALID_MESSAGE);
  const key = member(input.data, "key");
  if (typeof key !== "string" || key === "") return refuse(INVALID_MESSAGE);
  return { state: { kind: "checking" }, effect: { kind: "check_key", key } };
}

function declaring(
  state: Declaring,
  { type, data }: Extract<RegistrationInput, { kind: "message" }>,
): RegistrationStep {
  if (type === "handshake") return refuse("handshake already completed");
  if (type === "manifest_declaration") return manifestStep(state, data);
  if (type === "asset_chunk") return assetStep(state, data);
  if (type === "end") return endStep(state);
  const declaration = DECLARATIONS.get(type);
  if (!declaration) return { state, effect: READ_ON };
  const [kind, once, plural] = declaration;
  if (state.seen.has(kind)) return refuse(`${once} declaration already registered`);
  const broken = `${plural} register failed, invalid ${plural} declaration: `;
  if (!Array.isArray(data)) return refuse(`${broken}it is no list`);
  const [first]: unknown[] = data;
  try {
    const providers =
      first === undefined ? state.providers : withTransmittedProvider(state.providers, kind, first);
    return { state: { ...state, providers, seen: new Set(state.seen).add(kind) }, effect: READ_ON };
  } catch (cause) {
    return refuse(broken + oneLine(cause));
  }
}

function manifestStep(state: Declaring, data: unknown): RegistrationStep {
  if (state.manifest) return refuse("declaration already registered");
  try {
    return { state: { ...state, manifest: decodeTransmittedManifest(data) }, effect: READ_ON };
  } catch (cause) {
    return refuse(`handshake failed, invalid plugin declaration: ${oneLine(cause)}`);
  }
}

function assetStep(state: Declaring, data: unknown): RegistrationStep {
  const filename = member(data, "filename");
  const content = member(data, "data");
  const failed = "transfer assets failed, error: ";
  if (typeof filename !== "string" || filename === "") return refuse(`${failed}filename is missing`);
  if (typeof content !== "string" || content === "") return refuse(`${failed}data is missing`);
  // As the reference counts: what is decoded so far, and this chunk as it came.
  if (state.assetBytes + content.length > MAX_ASSET_BYTES) return refuse("assets too large, at most 50MB");
  if (content.length % 4 !== 0 || !BASE64.test(content)) {
    const at = content.search(/[^A-Za-z0-9+/]/);
    return refuse(
      `assets decode failed, error: illegal base64 data at input byte ${at < 0 ? content.length : at}`,
    );
  }
  const before = state.assets.get(filename);
  if (!before && state.assets.size >= MAX_ASSETS) return refuse(`${failed}more than ${MAX_ASSETS} files`);
  const bytes = Buffer.from(content, "base64");
  return {
    state: {
      ...state,
      assets: new Map(state.assets).set(filename, { bytes, before }),
      assetBytes: state.assetBytes + bytes.length,
    },
    effect: READ_ON,
  };
}

function endStep({ tenantId, manifest, providers, seen, assets }: Declaring): RegistrationStep {
  if (seen.size === 0) return refuse("no registration transferred, cannot initialize");
  if (!manifest) return refuse("register failed, invalid manifest detected: no manifest was transferred");
  const whole = new Map([...assets].map(([name, chunks]) => [name, joined(chunks)] as const));
  return {
    state: { kind: "over" },
    effect: {
      kind: "complete",
      registration: { tenantId, transmitted: { manifest, providers }, assets: whole },
    },
  };
}

function joined(last: AssetChunks): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (let at: AssetChunks | undefined = last; at; at = at.before) chunks.push(at.bytes);
  return Buffer.concat(chunks.reverse());
}

function refuse(text: string): RegistrationStep {
  return { state: { kind: "over" }, effect: { kind: "refuse", text } };
}

function member(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? new Map(Object.entries(value)).get(key) : undefined;
}

/** A refusal is one line. */
function oneLine(cause: unknown): string {
  return errorMessage(cause).replaceAll(/\s*\n\s*/g, "; ");
}
