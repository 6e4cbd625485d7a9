import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { type CliIo, forOutput, styleFor } from "./cli-io.ts";
import { formatBytes } from "./format.ts";

const Fields = Type.Record(Type.String(), Type.Unknown());
type Fields = Readonly<Record<string, unknown>>;

/** A message of a tool (contract/http-api 4.3). */
const ToolMessage = Type.Object({
  type: Type.String(),
  message: Type.Optional(Type.Union([Fields, Type.Null()])),
  meta: Type.Optional(Type.Union([Fields, Type.Null()])),
});

/** Writes the messages of one call. */
export interface ToolOutput {
  write(item: unknown): void;
  /** Ends the last line. */
  end(): void;
}

/**
 * Text appears as it comes, without breaks of ours; everything else as a line of its own. What a tool logs goes to
 * stderr, so that a pipe gets the answer alone.
 */
export function toolOutput(io: CliIo): ToolOutput {
  const style = styleFor(io.stdout, io.env);
  /** What the open line of stdout belongs to: text, a streamed variable, or nothing. */
  let open: string | undefined;
  const blobs = new Map<string, number>();

  const close = () => {
    if (open !== undefined) io.stdout.write("\n");
    open = undefined;
  };
  const line = (text: string) => {
    close();
    io.stdout.write(`${forOutput(text, io.stdout)}\n`);
  };
  const piece = (text: string, { owner, head }: { readonly owner: string; readonly head: string }) => {
    if (text === "") return;
    if (open !== owner) close();
    io.stdout.write((open === owner ? "" : head) + forOutput(text, io.stdout));
    open = text.endsWith("\n") ? undefined : owner;
  };

  function writeMessage(type: string, message: Fields, meta: Fields): void {
    switch (type) {
      case "text":
        return piece(string(message["text"]), { owner: "text", head: "" });
      case "variable": {
        const name = forOutput(string(message["variable_name"]), io.stdout);
        const head = style.dim(`${name} = `);
        if (message["stream"] === true)
          return piece(string(message["variable_value"]), { owner: `variable ${name}`, head });
        return line(`${head}${JSON.stringify(message["variable_value"])}`);
      }
      case "json":
        return line(JSON.stringify(message["json_object"]));
      case "link":
      case "image":
      case "image_link":
      case "binary_link":
        return line(`[${type.replace("_link", "")}] ${string(message["text"])}`);
      case "blob":
        return line(blobLine(decodedBytes(message["blob"]), meta));
      case "blob_chunk": {
        const id = string(message["id"]);
        const bytes = (blobs.get(id) ?? 0) + decodedBytes(message["blob"]);
        blobs.set(id, bytes);
        if (message["end"] !== true) return;
        blobs.delete(id);
        return line(blobLine(bytes, meta));
      }
      case "file":
        return line(`[file] ${JSON.stringify(meta)}`);
      case "retriever_resources":
        return line(`[resources] ${JSON.stringify(message["retriever_resources"])}`);
      case "log": {
        close();
        const error = string(message["error"]);
        const text = `[log] ${string(message["label"])}: ${string(message["status"])}${error && ` (${error})`}`;
        return io.stderr.write(`${forOutput(text, io.stderr)}\n`);
      }
      default:
        return line(`[${type}] ${JSON.stringify(message)}`);
    }
  }

  return {
    write(item) {
      if (Value.Check(ToolMessage, item)) writeMessage(item.type, item.message ?? {}, item.meta ?? {});
      else line(JSON.stringify(item));
    },
    end: close,
  };
}

/** The text of a message; empty for what is none. */
function string(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function blobLine(bytes: number, meta: Fields): string {
  return `[blob ${[formatBytes(bytes), string(meta["mime_type"]), string(meta["filename"])].filter(Boolean).join(" ")}]`;
}

/** Size of what base64 text stands for, without decoding it. */
function decodedBytes(base64: unknown): number {
  const text = string(base64);
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return Math.floor((text.length * 3) / 4) - padding;
}
