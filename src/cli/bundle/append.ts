import { resolve } from "node:path";
import { Command } from "commander";
import {
  addGithubDependency,
  addMarketplaceDependency,
  addPackageDependency,
} from "../../service/author/change-bundle.ts";
import type { CliIo } from "../cli-io.ts";
import { sayResult } from "../plugin/say-result.ts";

const VERSION = "a version such as 1.0.0, ^1.0.0, 1.0.x or 1.0.0-2.0.0";

export function appendCommand(io: CliIo): Command {
  return new Command("append")
    .description("add a dependency to a bundle")
    .addCommand(githubCommand(io))
    .addCommand(marketplaceCommand(io))
    .addCommand(packageCommand(io));
}

function githubCommand(io: CliIo): Command {
  return kind("github", "add the release of a GitHub repository")
    .requiredOption("-r, --repo_pattern <pattern>", `owner/repo:version/asset, with ${VERSION}`)
    .action(async (bundle: string, flags: { readonly repo_pattern: string }) => {
      await addGithubDependency(resolve(io.cwd, bundle), flags.repo_pattern);
      sayResult(io, "successfully added github dependency", {});
    });
}

function marketplaceCommand(io: CliIo): Command {
  return kind("marketplace", "add a plugin of the marketplace")
    .requiredOption("-m, --marketplace_pattern <pattern>", `organization/plugin:version, with ${VERSION}`)
    .action(async (bundle: string, flags: { readonly marketplace_pattern: string }) => {
      await addMarketplaceDependency(resolve(io.cwd, bundle), flags.marketplace_pattern);
      sayResult(io, "successfully added marketplace dependency", {});
    });
}

function packageCommand(io: CliIo): Command {
  return kind("package", "put a package into the bundle")
    .requiredOption("-p, --package_path <file>", "a .difypkg file")
    .action(async (bundle: string, flags: { readonly package_path: string }) => {
      const checksum = await addPackageDependency(
        resolve(io.cwd, bundle),
        resolve(io.cwd, flags.package_path),
      );
      sayResult(io, "successfully added package dependency", { path: checksum });
    });
}

function kind(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .argument("<bundle>", "the bundle's folder, or a .difybndl file");
}
