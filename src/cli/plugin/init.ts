import { Command, Option } from "commander";
import { createPlugin } from "../../service/author/create-plugin.ts";
import {
  allowNeeded,
  CATEGORIES,
  categoriesIn,
  LANGUAGES,
  type NewPlugin,
  type NewPluginCategory,
  type NewPluginLanguage,
} from "../../service/author/scaffold.ts";
import { DEFAULT_STORAGE_BYTES, type Permissions } from "../../service/author/plugin-permissions.ts";
import { CliError, EXIT } from "../cli-error.ts";
import type { CliIo } from "../cli-io.ts";
import { openForm } from "../form/form.ts";
import { askNewPlugin } from "./ask-new-plugin.ts";
import { PROFILE_CHECKS } from "./profile-checks.ts";
import { applyPermissionFlags, type PermissionFlags, withPermissionFlags } from "./permission-flags.ts";
import { sayResult } from "./say-result.ts";

interface InitFlags extends PermissionFlags {
  readonly author?: string;
  readonly name?: string;
  readonly description?: string;
  readonly repo?: string;
  readonly category: NewPluginCategory;
  readonly language: NewPluginLanguage;
  readonly minDifyVersion?: string;
  readonly quick?: boolean;
}

export function initCommand(io: CliIo): Command {
  const command = new Command("init")
    .description("make the folder of a new plugin, that packs and answers as it is")
    .option("--author <author>", "who makes it")
    .option("--name <name>", "what it is called")
    .option("--description <text>", "what it does")
    .option("--repo <url>", "where its sources are")
    .addOption(
      new Option("--category <category>", "what it is").choices([...CATEGORIES]).default(CATEGORIES[0]),
    )
    .addOption(
      new Option("--language <language>", "what it is written in")
        .choices([...LANGUAGES])
        .default(LANGUAGES[0]),
    )
    .option("--min-dify-version <version>", "the oldest Dify that will do")
    .option("--quick", "ask nothing");
  return withPermissionFlags(command).action((flags: InitFlags) => init(flags, io));
}

const NOTHING: Permissions = { allowed: new Set(), storageBytes: DEFAULT_STORAGE_BYTES };

async function init(flags: InitFlags, io: CliIo): Promise<void> {
  const given: NewPlugin = {
    author: flags.author ?? "",
    name: flags.name ?? "",
    description: flags.description ?? "",
    repo: flags.repo ?? "",
    category: flags.category,
    language: flags.language,
    minimumDifyVersion: flags.minDifyVersion ?? "",
    permissions: applyPermissionFlags(flags.quick ? allowNeeded(NOTHING, flags.category) : NOTHING, flags),
    readmes: [],
    createdAt: new Date(),
  };
  const plugin = flags.quick ? checked(given) : await ask(given, io);
  const folder = await createPlugin(io.cwd, plugin, { signal: io.signal });
  sayResult(io, "plugin created", { path: folder });
}

/** Throws a `CliError` that lists every flag that is missing or wrong. */
function checked(plugin: NewPlugin): NewPlugin {
  const problems = PROFILE_CHECKS.flatMap(({ flag, of, check }) => {
    const problem = check(plugin[of]);
    return problem === undefined ? [] : [`--${flag}: ${problem}`];
  });
  const { category, language = "python" } = plugin;
  const categories = categoriesIn(language);
  if (!categories.includes(category))
    problems.push(
      `--category: there is no template of "${category}" in ${language}, only of ${categories.join(", ")}`,
    );
  if (problems.length === 0) return plugin;
  throw new CliError(["Cannot make the plugin:", ...problems].join("\n"), { exitCode: EXIT.usage });
}

async function ask(given: NewPlugin, io: CliIo): Promise<NewPlugin> {
  const form = openForm(io, { instead: "Say it with flags: --quick --author … --name … --description …" });
  try {
    return await askNewPlugin(form, given);
  } finally {
    form.close();
  }
}
