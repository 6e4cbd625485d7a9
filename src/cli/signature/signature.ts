import { Command } from "commander";
import type { CliIo } from "../cli-io.ts";
import { generateCommand } from "./generate.ts";
import { signCommand } from "./sign.ts";
import { verifyCommand } from "./verify.ts";

/** Keys and signatures of packages (contract/plugin-package 7.1). */
export function signatureCommand(io: CliIo): Command {
  return new Command("signature")
    .description("make keys, sign packages and verify them")
    .addCommand(generateCommand(io))
    .addCommand(signCommand(io))
    .addCommand(verifyCommand(io));
}
