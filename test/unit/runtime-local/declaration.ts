import type { PluginDeclaration } from "../../../src/protocol/declaration.ts";

/** The least that a declaration has. */
export const DECLARATION: PluginDeclaration = {
  version: "0.0.1",
  author: "a",
  name: "b",
  label: { en_US: "" },
  description: { en_US: "" },
  icon: "",
  icon_dark: "",
  resource: { memory: 1 },
  plugins: {},
  meta: {
    version: "0.0.1",
    arch: null,
    runner: { language: "python", version: "3.12", entrypoint: "main" },
    minimum_dify_version: null,
  },
  tags: [],
  created_at: "",
  verified: false,
};
