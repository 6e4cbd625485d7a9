import { expect, test } from "bun:test";
import { ownCommand } from "../../../src/lib/init-process.ts";

test.each([
  [
    "from source",
    {
      execPath: "/bin/bun",
      execArgv: ["--smol"],
      argv: ["/bin/bun", "/app/src/main.ts", "start", "--port", "1"],
    },
    ["/bin/bun", "--smol", "/app/src/main.ts", "start", "--port", "1"],
  ],
  [
    "as a compiled file",
    { execPath: "/bin/plugd", execArgv: ["--smol"], argv: ["bun", "/$bunfs/root/plugd", "start"] },
    ["/bin/plugd", "start"],
  ],
  [
    "without arguments",
    { execPath: "/bin/plugd", execArgv: [], argv: ["bun", "/$bunfs/root/plugd"] },
    ["/bin/plugd"],
  ],
])("ownCommand() starts the program again %s", (_, own, command) => {
  expect(ownCommand(own)).toEqual(command as [string, ...string[]]);
});
