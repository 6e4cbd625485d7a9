import { extname } from "node:path";
import { errorPlan, type Plan } from "./plan.ts";

/** A plugin's upload of a file: multipart, one field `file`, 201 with what the SDK reads (contract/backwards-invocation 4.1). */
export async function readUpload(request: Request): Promise<{ readonly body: unknown; readonly plan: Plan }> {
  const file = await fileOf(request);
  if (!file) return { body: null, plan: errorPlan(400, "no_file_uploaded", "Please upload your file.") };
  const bytes = new Uint8Array(await file.arrayBuffer());
  const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  const [type = ""] = file.type.split(";");
  const answer = {
    id: `file-${sha256.slice(0, 16)}`,
    name: file.name,
    size: bytes.length,
    extension: extname(file.name).slice(1),
    mime_type: type,
    preview_url: null,
  };
  return {
    body: { name: file.name, type, size: bytes.length, sha256 },
    plan: {
      delayMs: 0,
      status: 201,
      headers: { "content-type": "application/json" },
      body: [{ kind: "bytes", bytes: new TextEncoder().encode(JSON.stringify(answer)) }],
    },
  };
}

async function fileOf(request: Request): Promise<File | undefined> {
  try {
    const file = (await request.formData()).get("file");
    return file instanceof File ? file : undefined;
  } catch {
    // No form at all; the answer says so.
    return undefined;
  }
}
