import { describe, expect, test } from "bun:test";
import { createKeyCheck } from "../../src/http/auth.ts";

const KEY = "a key with ünïcode? no: headers are Latin-1";

function check(given: string | undefined, key = KEY): boolean {
  const headers = given === undefined ? {} : { "x-api-key": given };
  try {
    createKeyCheck("x-api-key", key)(new Request("http://localhost/", { headers }));
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: "unauthorized", message: "unauthorized" });
    return false;
  }
}

describe("createKeyCheck()", () => {
  test("lets the key in", () => {
    expect(check(KEY)).toBe(true);
  });

  test.each([
    ["no key", undefined],
    ["an empty one", ""],
    ["another first character", `b${KEY.slice(1)}`],
    ["another last character", `${KEY.slice(0, -1)}2`],
    ["only its beginning", KEY.slice(0, -1)],
    ["the key and more", `${KEY}1`],
    ["the key twice", KEY + KEY],
    ["another case", KEY.toUpperCase()],
  ])("refuses %s", (_, given) => {
    expect(check(given)).toBe(false);
  });

  test("an empty key lets in nothing but an empty header", () => {
    expect(check(undefined, "")).toBe(false);
    expect(check("x", "")).toBe(false);
  });
});
