import { COMMON, ENDPOINT, MODELS, type Templates, TOOL } from "./plugin-templates.ts";
import difyignore from "./templates/typescript/difyignore.txt" with { type: "text" };
import extension from "./templates/typescript/extension.ts.txt" with { type: "text" };
import gitignore from "./templates/typescript/gitignore.txt" with { type: "text" };
import guide from "./templates/typescript/guide.md.txt" with { type: "text" };
import llm from "./templates/typescript/llm.ts.txt" with { type: "text" };
import declarations from "./templates/typescript/plugd.d.ts.txt" with { type: "text" };
import tool from "./templates/typescript/tool.ts.txt" with { type: "text" };
import tsconfig from "./templates/typescript/tsconfig.json.txt" with { type: "text" };

const OF_ANY_LANGUAGE = ["_assets/icon.svg", "_assets/icon-dark.svg", "README.md", "PRIVACY.md"];

/** What every plugin in TypeScript has beside its manifest. */
export const TYPESCRIPT_COMMON: Templates = {
  ...Object.fromEntries(Object.entries(COMMON).filter(([path]) => OF_ANY_LANGUAGE.includes(path))),
  "GUIDE.md": guide,
  ".difyignore": difyignore,
  ".gitignore": gitignore,
  "plugd.d.ts": declarations,
  "tsconfig.json": tsconfig,
};

/** By category; what can be written in TypeScript is what the module `plugd/plugin` serves. */
export const TYPESCRIPT_TEMPLATES = {
  tool: { ...withoutPython(TOOL), "main.ts": tool },
  llm: { ...withoutPython(MODELS.llm), "main.ts": llm },
  extension: { ...withoutPython(ENDPOINT), "main.ts": extension },
} satisfies Readonly<Record<string, Templates>>;

/** The declarations are the same in every language, but for where the SDK finds its code. */
function withoutPython(templates: Templates): Templates {
  return Object.fromEntries(
    Object.entries(templates)
      .filter(([path]) => !path.endsWith(".py"))
      .map(([path, text]) => [path, text.replace(/^extra:\n(?: .*\n)+/m, "")]),
  );
}
