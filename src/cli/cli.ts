import { Command, CommanderError } from "commander";
import { VERSION } from "../lib/version.ts";
import type { CliDeps } from "./cli-deps.ts";
import { EXIT, type ExitCode } from "./cli-error.ts";
import type { CliIo } from "./cli-io.ts";
import { connectorCommand } from "./connector-command.ts";
import { debugCommand } from "./debug.ts";
import { demoCommand } from "./demo.ts";
import { fakePlatformCommand } from "./fake-platform.ts";
import { spellFlags } from "./flag-spelling.ts";
import { installCommand } from "./install.ts";
import { invokeCommand } from "./invoke.ts";
import { listCommand } from "./list.ts";
import { reportError } from "./report-error.ts";
import { logsCommand } from "./logs.ts";
import { routesCommand } from "./routes.ts";
import { runtimeCommand } from "./runtime.ts";
import { startCommand } from "./start.ts";
import { tasksCommand } from "./tasks.ts";
import { traceCommand } from "./trace.ts";
import { uninstallCommand } from "./uninstall.ts";

/**
 * Runs one command to its end and answers the exit code: 0 done, 1 it failed, 2 the command line is wrong, 3 no
 * daemon answers, 4 the key was refused, 130 interrupted, 141 nobody reads the output. Never throws, never ends the process.
 *
 * @param argv what the user typed after the program's name
 */
export async function runCli(argv: readonly string[], io: CliIo, deps: CliDeps): Promise<ExitCode> {
  try {
    const program = await buildProgram(argv, { io, deps });
    await program.parseAsync(spellFlags(argv), { from: "user" });
    await io.stdout.drained();
    return EXIT.ok;
  } catch (error) {
    const code = endedBy(error) ?? reportError(error, io, { debug: argv.includes("--debug") });
    // What was said must have left before the process ends; where it cannot leave, there is nobody to tell.
    await Promise.allSettled([io.stdout.drained(), io.stderr.drained()]);
    return code;
  }
}

/** Help, version and usage errors end this way; commander has written what there is to say. */
function endedBy(error: unknown): ExitCode | undefined {
  if (!(error instanceof CommanderError)) return undefined;
  return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
}

async function buildProgram(
  argv: readonly string[],
  { io, deps }: { readonly io: CliIo; readonly deps: CliDeps },
): Promise<Command> {
  const dify = io.personality === "dify";
  const program = new Command(dify ? io.program : "plugd")
    .description(
      dify
        ? "The command line of plugin authors"
        : "The plugin daemon for Dify-style AI plugins, as one file",
    )
    .version(`plugd ${VERSION}`, "-V, --version", "show the version")
    .showSuggestionAfterError()
    .showHelpAfterError(dify || `Type "${io.program} --help" to see what there is`)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      getOutHelpWidth: () => io.stdout.columns,
      getErrHelpWidth: () => io.stderr.columns,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      outputError: (text, write) => write(text.replace(/^error: /, "Error: ")),
    });
  addCommonOptions(program, { dify });
  const operators = dify ? [] : operatorCommands(io, deps);
  for (const command of operators) adopt(command, program, { dify });
  // What authors use is loaded where it is meant, or where all commands are shown: a daemon starts sooner without it.
  if (operators.some((command) => command.name() === argv[0])) return program;
  const { authorCommands } = await import("./author-commands.ts");
  // Their users meet them by another name, and expect the whole usage when they mistype something.
  for (const command of authorCommands(io, deps)) adopt(command, program, { dify, usageAfterError: true });
  return program;
}

function operatorCommands(io: CliIo, deps: CliDeps): Command[] {
  return [
    startCommand(io, deps),
    demoCommand(io, deps),
    installCommand(io),
    listCommand(io),
    invokeCommand(io),
    uninstallCommand(io),
    tasksCommand(io),
    runtimeCommand(io),
    debugCommand(io),
    logsCommand(io),
    traceCommand(io),
    connectorCommand(io, deps),
    fakePlatformCommand(io),
    routesCommand(io, deps),
  ];
}

interface AdoptOptions {
  /** The program goes by that name. */
  readonly dify: boolean;
  readonly usageAfterError?: boolean;
}

/** Puts a command, with those below it, under another, whose settings and common options it takes over. */
function adopt(command: Command, parent: Command, options: AdoptOptions): void {
  if (command.parent === null) parent.addCommand(command);
  addCommonOptions(command.copyInheritedSettings(parent), options);
  if (options.usageAfterError) command.showHelpAfterError(true);
  for (const child of command.commands) adopt(child, command, options);
}

function addCommonOptions(command: Command, { dify }: AdoptOptions): void {
  command
    .helpOption("-h, --help", "show this help")
    .helpCommand(false)
    .option("--debug", "show where an error happened");
  // Scripts give it; no command of that program reads a setting from it (contract/plugin-package 7.1).
  if (dify) command.option("--config <file>", "accepted, and not read");
  if (dify && (command.parent === null || command.commands.length > 0)) command.helpCommand(true);
}
