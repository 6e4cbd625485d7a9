/**
 * The catalogue against recorded answers of the reference: what a plugin gets for every operation, which bodies are
 * refused, and that items which the reference has normalised pass as they are.
 */
import { describe, expect, test } from "bun:test";
import { parseExact } from "../../src/lib/exact-json.ts";
import { ACTIONS, type ActionRow } from "../../src/protocol/actions/catalogue.ts";
import { DaemonError } from "../../src/protocol/daemon-error.ts";
import bodies from "./fixtures/wire-bodies.json" with { type: "json" };
import items from "./fixtures/wire-items.json" with { type: "json" };
import requests from "./fixtures/wire-requests.json" with { type: "json" };

function rowOf(path: string): ActionRow {
  const row = ACTIONS.find((candidate) => candidate.path === path);
  if (!row) throw new Error(`no row for ${path}`);
  return row;
}

/** An integer beyond 2^53, which the fixtures tell as a text. */
function bigOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !("$int" in value)) return undefined;
  return String(value.$int);
}

/** JSON with such integers in the fixtures' notation. */
function parseBig(text: string): unknown {
  return JSON.parse(text, (_key: string, value: unknown, context?: { readonly source?: string }): unknown =>
    typeof value === "number" && /^-?\d{16,}$/.test(context?.source ?? "") && !Number.isSafeInteger(value)
      ? { $int: context?.source }
      : value,
  );
}

/** Where `have` lacks something of `want`; more keys are fine, and big integers may be more exact than recorded. */
function lacks(want: unknown, have: unknown, at = ""): string[] {
  const big = bigOf(want);
  if (big !== undefined) return Number(bigOf(have)) === Number(big) ? [] : [`${at}: want ${big}`];
  if (Array.isArray(want)) {
    if (!Array.isArray(have) || have.length !== want.length) return [`${at}: want ${want.length} elements`];
    return want.flatMap((value, index) => lacks(value, have[index], `${at}.${index}`));
  }
  if (typeof want === "object" && want !== null) {
    if (typeof have !== "object" || have === null) return [`${at}: want an object, have ${String(have)}`];
    const members: ReadonlyMap<string, unknown> = new Map(Object.entries(have));
    return Object.entries(want).flatMap(([key, value]) =>
      members.has(key) ? lacks(value, members.get(key), `${at}.${key}`) : [`${at}.${key} is missing`],
    );
  }
  return want === have || Number(want) === Number(bigOf(have))
    ? []
    : [`${at}: want ${String(want)}, have ${JSON.stringify(have)}`];
}

test("ACTIONS has one row for each of the 36 routes", () => {
  expect(ACTIONS).toHaveLength(36);
  expect(new Set(ACTIONS.map((row) => row.path)).size).toBe(36);
  expect(new Set(ACTIONS.map((row) => `${row.type} ${row.action}`)).size).toBe(36);
  expect(ACTIONS.filter((row) => row.unary).map((row) => row.path)).toEqual([
    "/model/polling/start",
    "/model/polling/check",
  ]);
});

test("every route is recorded with all and with the least fields", () => {
  for (const { path } of ACTIONS)
    for (const kind of ["all", "least"])
      expect(requests.some(({ name }) => name === `${kind} ${path}`)).toBe(true);
});

describe("prepare() sends what the reference sends", () => {
  for (const { name, path, body, session, data } of requests)
    test(name, () => {
      const request = rowOf(path).prepare(parseExact(body));
      expect(lacks(data, parseBig(JSON.stringify(request.data)))).toEqual([]);
      const { conversationId, messageId, appId, endpointId, context } = request.session;
      expect({
        conversation_id: conversationId,
        message_id: messageId,
        app_id: appId,
        endpoint_id: endpointId,
        context: JSON.parse(JSON.stringify(context)),
      }).toEqual(session);
      // More keys only where the caller sent them: nothing is made up.
      const sent: unknown = JSON.parse(body);
      for (const key of Object.keys(request.data))
        expect(key in data || JSON.stringify(sent).includes(`"${key}":`)).toBe(true);
    });
});

describe("prepare() refuses what the reference refuses, and nothing else", () => {
  for (const { name, path, body, refused } of bodies)
    test(name, () => {
      const prepare = () => rowOf(path).prepare(parseExact(body));
      if (!refused) {
        expect(prepare).not.toThrow();
        return;
      }
      expect(prepare).toThrow(DaemonError);
      expect(prepare).toThrow(/^Key: '[^']+' Error:Field validation for '[^']+' failed on the '[^']+' tag/);
    });
});

describe("items as the reference sent them pass as they are", () => {
  for (const { name, path, item } of items)
    test(`${name} (${path})`, () => {
      const raw = JSON.stringify(item).replaceAll(/\{"\$int":"(-?\d+)"\}/g, "$1");
      const text = rowOf(path).createItemDecoder()(JSON.parse(raw), raw);
      expect(text).toBeDefined();
      expect(parseBig(text ?? "")).toEqual(parseBig(raw));
    });
});
