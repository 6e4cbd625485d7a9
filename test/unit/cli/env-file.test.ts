import { expect, test } from "bun:test";
import { CliError } from "../../../src/cli/cli-error.ts";
import { parseEnvFile } from "../../../src/cli/env-file.ts";

test("parseEnvFile() reads names, quotes, comments and export", () => {
  const text = [
    "# a comment",
    "",
    "PLAIN=value",
    "  export EXPORTED = yes # said so",
    'DOUBLE="a # b\\n\\"c\\" \\\\ \\d" # end',
    "SINGLE='a\\nb # c'",
    "HASH=a#b",
    "EMPTY=",
    "ONLY_COMMENT= # nothing",
    "EQUALS=a=b==",
    "PLAIN=later wins\r",
  ].join("\n");
  expect(parseEnvFile(text, ".env")).toEqual({
    PLAIN: "later wins",
    EXPORTED: "yes",
    DOUBLE: 'a # b\n"c" \\ \\d',
    SINGLE: "a\\nb # c",
    HASH: "a#b",
    EMPTY: "",
    ONLY_COMMENT: "",
    EQUALS: "a=b==",
  });
});

test.each(["no equals sign", "1NAME=x", "=x", 'QUOTE="open', "QUOTE='open", 'QUOTE="a" b'])(
  "parseEnvFile() refuses %p and names the line, not its text",
  (line) => {
    const read = () => parseEnvFile(`A=1\n${line}\n`, "my.env");
    expect(read).toThrow(CliError);
    expect(read).toThrow('Cannot read "my.env": line 2 is no NAME=value');
  },
);
