import type { Command } from "commander";
import type { BundleProfile } from "../../service/author/change-bundle.ts";
import { CliError, EXIT } from "../cli-error.ts";
import type { CliIo } from "../cli-io.ts";
import { openForm } from "../form/form.ts";
import { PROFILE_CHECKS } from "../plugin/profile-checks.ts";

export type ProfileFlags = Partial<BundleProfile>;

const QUESTIONS = { name: "Bundle name", author: "Author", description: "Description" } as const;
const FIELDS = ["name", "author", "description"] as const;

export function withProfileFlags(command: Command): Command {
  return command
    .option("--name <name>", "what it is called")
    .option("--author <author>", "who makes it")
    .option("--description <text>", "what is in it");
}

/** What the flags say, on top of what is known. The user is asked without any flag, and on a terminal for the rest. */
export async function profileOf(
  flags: ProfileFlags,
  known: BundleProfile,
  io: CliIo,
): Promise<BundleProfile> {
  const profile = { ...known, ...flags };
  const isGiven = FIELDS.some((field) => flags[field] !== undefined);
  const problems = FIELDS.flatMap((field) => {
    const problem = checkOf(field)(profile[field]);
    return problem === undefined ? [] : [`--${field}: ${problem}`];
  });
  if (isGiven && problems.length === 0) return profile;
  if (isGiven && !io.stdin.isTerminal)
    throw new CliError(["Cannot take these texts for a bundle:", ...problems].join("\n"), {
      exitCode: EXIT.usage,
    });
  return ask(profile, io);
}

async function ask(known: BundleProfile, io: CliIo): Promise<BundleProfile> {
  const form = openForm(io, { instead: "Say it with flags: --name … --author … --description …" });
  try {
    const answers = { ...known };
    for (const field of FIELDS)
      answers[field] = await form.text(QUESTIONS[field], { value: known[field], check: checkOf(field) });
    return answers;
  } finally {
    form.close();
  }
}

/** The rules of plugins. */
function checkOf(field: keyof BundleProfile): (answer: string) => string | undefined {
  return PROFILE_CHECKS.find(({ of }) => of === field)?.check ?? (() => undefined);
}
