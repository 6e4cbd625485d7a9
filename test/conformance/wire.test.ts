/**
 * The catalogue against recorded answers of the reference: what a plugin gets for every operation, which bodies are
 * refused, and that items which the reference has normalised pass as they are.
 */
import { describe, expect, test } from "bun:test";
import { parseExact } from "../../src/lib/exact-json.ts";
import { ACTIONS, type ActionRow } from "../../src/protocol/actions/catalogue.ts";
import { DaemonError } from "../../src/protocol/daemon-error.ts";
import { differences } from "./compare.ts";
import { parseKeepingIntegers } from "./exact-numbers.ts";
import bodies from "./fixtures/wire-bodies.json" with { type: "json" };
import items from "./fixtures/wire-items.json" with { type: "json" };
import requests from "./fixtures/wire-requests.json" with { type: "json" };

function rowOf(path: string): ActionRow {
  const row = ACTIONS.find((candidate) => candidate.path === path);
  if (!row) throw new Error(`no row for ${path}`);
  return row;
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
      expect(differences(data, parseKeepingIntegers(JSON.stringify(request.data)))).toEqual([]);
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
      expect(parseKeepingIntegers(text ?? "")).toEqual(parseKeepingIntegers(raw));
    });
});
