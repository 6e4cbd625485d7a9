import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import type { PluginDeclaration } from "../../protocol/declaration.ts";
import type { Connection } from "../connection.ts";
import { ToolParameter } from "../installed-plugin.ts";
import { shellWord } from "../shell-word.ts";

const Tools = Type.Object({
  identity: Type.Object({ name: Type.String() }),
  tools: Type.Array(
    Type.Object({
      identity: Type.Object({ name: Type.String() }),
      parameters: Type.Optional(Type.Union([Type.Array(ToolParameter), Type.Null()])),
    }),
  ),
});
const Choices = Type.Object({ options: Type.Array(Type.Object({ value: Type.String() }), { minItems: 1 }) });

export interface CurlLine {
  readonly tool: string;
  readonly line: string;
}

/** The line that calls a tool, for each one of a plugin. It reads the daemon's key when it runs, and never shows it. */
export function curlLines(declaration: PluginDeclaration, connection: Connection): readonly CurlLine[] {
  const { tool: provider, author, name } = declaration;
  if (!Value.Check(Tools, provider)) return [];
  const key = connection.keyFile === undefined ? "$SERVER_KEY" : `$(cat ${shellWord(connection.keyFile)})`;
  const url = `${connection.url}/plugin/${encodeURIComponent(connection.tenantId)}/dispatch/tool/invoke`;
  return provider.tools.map(({ identity, parameters }) => {
    const body = {
      user_id: "me",
      data: {
        provider: provider.identity.name,
        tool: identity.name,
        tool_parameters: Object.fromEntries(
          (parameters ?? [])
            .filter(({ required, default: fallback }) => required || (fallback ?? undefined) !== undefined)
            .map((parameter) => [parameter.name, sample(parameter)]),
        ),
        credentials: {},
      },
    };
    const words = [
      `curl -N ${shellWord(url)}`,
      `-H "X-Api-Key: ${key}"`,
      `-H 'X-Plugin-ID: ${author}/${name}'`,
      `-H 'Content-Type: application/json'`,
      `-d ${shellWord(JSON.stringify(body))}`,
    ];
    return { tool: identity.name, line: words.join(" ") };
  });
}

function sample(parameter: ToolParameter): unknown {
  const { type, default: fallback } = parameter;
  if ((fallback ?? undefined) !== undefined) return fallback;
  if (Value.Check(Choices, parameter)) return parameter.options[0]?.value;
  switch (type) {
    case "number":
      return 1;
    case "boolean":
    case "checkbox":
      return true;
    case "array":
    case "files":
    case "array[tools]":
      return [];
    case "object":
    case "file":
      return {};
    default:
      return "hello";
  }
}
