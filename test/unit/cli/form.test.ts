import { expect, test } from "bun:test";
import { CliError, EXIT } from "../../../src/cli/cli-error.ts";
import { type Form, openForm } from "../../../src/cli/form/form.ts";
import { readKeys } from "../../../src/cli/form/keys.ts";
import { testIo } from "./test-io.ts";

const [UP, DOWN] = ["\u001b[A", "\u001b[B"];

async function ask<T>(
  input: Iterable<string> | AsyncIterable<string>,
  questions: (form: Form) => Promise<T>,
) {
  const io = testIo({ terminal: true, input });
  const form = openForm(io, { instead: "flags" });
  try {
    return { answer: await questions(form), shown: io.stdout.text };
  } finally {
    form.close();
  }
}

function interrupted(work: Promise<unknown>): Promise<unknown> {
  return work.catch((error: unknown) => (error instanceof CliError ? error.exitCode : error));
}

test("readKeys() knows arrows, Enter, Tab, Space and Ctrl-C, and passes over the rest", () => {
  expect(readKeys(`${UP}x${DOWN}\u001bOA\t \r\u0003é\u001b[5~`)).toEqual([
    "up",
    "down",
    "up",
    "toggle",
    "toggle",
    "enter",
    "interrupt",
  ]);
});

test("text() takes a line, the offered value for an empty one, and asks again while something is wrong", async () => {
  const check = (answer: string) => (/^[a-z]+$/.test(answer) ? undefined : "only letters");
  const { answer, shown } = await ask(["1\nab", "c\n\n"], async (form) => [
    await form.text("Name", { value: "", check }),
    await form.text("Author", { value: "me", check }),
  ]);
  expect(answer).toEqual(["abc", "me"]);
  expect(shown).toContain("only letters");
  expect(shown).toContain("[me]");
});

test("choose() begins at the offered value and goes round", async () => {
  const choices = ["a", "b", "c"].map((value) => ({ value, label: value.toUpperCase() }));
  const one = (keys: string) =>
    ask([keys], (form) => form.choose("Which", { choices, value: "b" })).then(({ answer }) => answer);
  expect(await one("\r")).toBe("b");
  expect(await one(`${DOWN}${DOWN}\r`)).toBe("a");
  expect(await one(`${UP}${UP}\r`)).toBe("c");
});

test("switches() turns rows on and off and answers the state", async () => {
  const { answer, shown } = await ask([` ${DOWN}`, "\t", "\t\r"], (form) =>
    form.switches("Which", {
      state: [false, false],
      rows: (state) => state.map((on, row) => ({ label: `row ${row}`, on })),
      flip: (state, at) => state.map((on, row) => (row === at ? !on : on)),
    }),
  );
  expect(answer).toEqual([true, false]);
  expect(shown).toContain("› [x] row 1");
});

test("every question ends with Ctrl-C, with the end of the input, and with the signal", async () => {
  const choices = [{ value: 1, label: "one" }];
  const choose = (form: Form) => form.choose("Which", { choices, value: 1 });
  expect(await interrupted(ask(["\u0003"], choose))).toBe(EXIT.interrupted);
  expect(await interrupted(ask([], choose))).toBe(EXIT.interrupted);
  expect(await interrupted(ask(["half a line"], (form) => form.text("Name", { value: "" })))).toBe(
    EXIT.interrupted,
  );
  const stop = new AbortController();
  async function* silence(): AsyncGenerator<string> {
    stop.abort();
    await new Promise<never>(() => undefined);
    yield "";
  }
  const io = testIo({ terminal: true, input: silence(), signal: stop.signal });
  expect(await interrupted(openForm(io, { instead: "flags" }).text("Name", { value: "" }))).toBe(
    EXIT.interrupted,
  );
});

test("openForm() says what to do where there is no terminal", () => {
  expect(() => openForm(testIo(), { instead: "Say it with flags" })).toThrow("this is no terminal");
});
