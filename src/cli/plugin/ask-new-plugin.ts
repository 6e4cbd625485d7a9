import type { ReadmeLanguage } from "../../service/author/plugin-templates.ts";
import { allowNeeded, categoriesIn, LANGUAGES, type NewPlugin } from "../../service/author/scaffold.ts";
import type { Form } from "../form/form.ts";
import { askPermissions } from "./ask-permissions.ts";
import { PROFILE_CHECKS } from "./profile-checks.ts";

const QUESTIONS = {
  name: "Plugin name",
  author: "Author",
  description: "Description",
  repo: "URL of the repository (may be empty)",
} as const;

const READMES: readonly { readonly language: ReadmeLanguage; readonly label: string }[] = [
  { language: "zh_Hans", label: "简体中文" },
  { language: "ja_JP", label: "日本語" },
  { language: "pt_BR", label: "Português" },
];

/** Asks for everything about a new plugin; what was given already is offered (contract/plugin-package 7.2). */
export async function askNewPlugin(form: Form, given: NewPlugin): Promise<NewPlugin> {
  const answers: Record<string, string> = {};
  for (const { of, check } of PROFILE_CHECKS)
    if (of !== "minimumDifyVersion")
      answers[of] = await form.text(QUESTIONS[of], { value: given[of], check });
  const { name = "", author = "", description = "", repo = "" } = answers;
  const readmes = await form.switches("Readmes in other languages", {
    state: new Set(given.readmes),
    rows: (chosen) => READMES.map(({ language, label }) => ({ label, on: chosen.has(language) })),
    flip(chosen, row) {
      const language = READMES[row]?.language;
      return language === undefined ? chosen : chosen.symmetricDifference(new Set([language]));
    },
  });
  const language = await form.choose("Language", {
    choices: LANGUAGES.map((language) => ({ value: language, label: language })),
    value: given.language ?? LANGUAGES[0],
  });
  const categories = categoriesIn(language);
  const category = await form.choose("Category", {
    choices: categories.map((value) => ({ value, label: value })),
    value: categories.includes(given.category) ? given.category : "tool",
  });
  const permissions = await askPermissions(form, allowNeeded(given.permissions, category));
  const version = PROFILE_CHECKS.find(({ of }) => of === "minimumDifyVersion");
  const minimumDifyVersion = await form.text("Oldest version of Dify that will do (may be empty)", {
    value: given.minimumDifyVersion,
    ...(version && { check: version.check }),
  });
  return {
    ...given,
    name,
    author,
    description,
    repo,
    category,
    language,
    permissions,
    minimumDifyVersion,
    readmes: READMES.map(({ language }) => language).filter((language) => readmes.has(language)),
  };
}
