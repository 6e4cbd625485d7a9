import { basename } from "node:path";
import type { WireRequest } from "./exchange.ts";
import type { Body, Step, Upload } from "./scenarios/scenario.ts";

/** What a request needs besides its step. */
export interface RequestFacts {
  /** Host and port of the daemon. */
  readonly host: string;
  readonly serverKey: string;
  /** Name → text, for the `{{name}}` of a step. */
  readonly values: ReadonlyMap<string, string>;
  readonly readPackage: (name: string) => Uint8Array;
}

const BOUNDARY = "conformance0boundary";

/** The request of a step, byte for byte. Throws when it names something that no earlier step captured. */
export function writeRequest(step: Step, facts: RequestFacts): WireRequest {
  const fill = (text: string) => fillIn(text, facts.values);
  const { bytes, type } = writeBody(step.body, { fill, readPackage: facts.readPackage });
  const method = step.method ?? (bytes.length > 0 ? "POST" : "GET");
  const contentType = step.contentType ?? type;
  const headers: (readonly [string, string] | undefined)[] = [
    ["Host", facts.host],
    ["Connection", "close"],
    step.key === false ? undefined : ["X-Api-Key", step.key ?? facts.serverKey],
    step.plugin === undefined ? undefined : ["X-Plugin-ID", step.plugin],
    contentType === undefined || contentType === "" ? undefined : ["Content-Type", contentType],
    ...Object.entries(step.headers ?? {}).map(([name, value]) => [name, fill(value)] as const),
    bytes.length > 0 || method === "POST" ? ["Content-Length", String(bytes.length)] : undefined,
  ];
  const lines = headers.flatMap((header) => (header ? [header.join(": ")] : []));
  return { head: `${method} ${fill(step.path)} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`, body: bytes };
}

interface BodyFacts extends Pick<RequestFacts, "readPackage"> {
  fill(text: string): string;
}

function writeBody(
  body: Body | undefined,
  { fill, readPackage }: BodyFacts,
): { readonly bytes: Uint8Array; readonly type?: string } {
  if (body === undefined) return { bytes: Buffer.alloc(0) };
  if ("json" in body)
    return { bytes: Buffer.from(fill(JSON.stringify(body.json))), type: "application/json" };
  if ("text" in body) return { bytes: Buffer.from(fill(body.text)) };
  if ("hex" in body) return { bytes: Buffer.from(body.hex, "hex") };
  return {
    bytes: writeForm(body.upload, readPackage),
    type: `multipart/form-data; boundary=${BOUNDARY}`,
  };
}

function writeForm(upload: Upload, readPackage: RequestFacts["readPackage"]): Uint8Array {
  const content = upload.zeros === undefined ? readPackage(upload.name) : Buffer.alloc(upload.zeros);
  const fields = Object.entries(upload.fields ?? {}).map(
    ([name, value]) => `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const disposition = `form-data; name="${upload.field}"; filename="${basename(upload.name)}"`;
  const head = `--${BOUNDARY}\r\nContent-Disposition: ${disposition}\r\nContent-Type: application/octet-stream\r\n\r\n`;
  return Buffer.concat([
    Buffer.from(fields.join("") + head),
    content,
    Buffer.from(`\r\n--${BOUNDARY}--\r\n`),
  ]);
}

/** `kept`: names that are filled in by somebody else. */
export function fillIn(text: string, values: RequestFacts["values"], kept: readonly string[] = []): string {
  return text.replace(/\{\{(\w+)\}\}/g, (place, name: string) => {
    if (kept.includes(name)) return place;
    const value = values.get(name);
    if (value === undefined) throw new Error(`No earlier step captured "${name}"`);
    return value;
  });
}
