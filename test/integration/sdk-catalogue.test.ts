import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { ACTIONS } from "../../src/protocol/actions/catalogue.ts";
import type { CallAnswer, Failure } from "../support/daemon-api.ts";
import {
  findSdkTools,
  type InstalledSdkPlugin,
  type SdkDaemon,
  startSdkDaemon,
} from "../support/sdk-daemon.ts";
import {
  type SdkFunctions,
  type StandInConnector,
  startSdkFunctions,
  startStandInConnector,
} from "../support/stand-in-connector.ts";
import { callOf, EXCEPTIONS, type RaisedError, SDK_CASES, type SdkCase } from "./sdk-cases.ts";

/* Every action of the catalogue, asked of plugins with the published SDK, through the HTTP API. */

setDefaultTimeout(120_000);

const PLUGINS = [...new Set(SDK_CASES.map((one) => one.plugin))];
const tools = await findSdkTools();
const why = "missing" in tools ? ` (skipped: ${tools.missing})` : "";

test("every action of the catalogue is asked of the SDK", () => {
  const byPath = (paths: readonly string[]) => [...paths].sort();
  expect(byPath(SDK_CASES.map(({ path }) => path))).toEqual(byPath(ACTIONS.map(({ path }) => path)));
});

describe.skipIf(why !== "").each(["a process", "a function"])(
  `a plugin with the SDK as %s${why}`,
  (runsAs) => {
    let daemon: SdkDaemon;
    let connector: StandInConnector | undefined;
    let functions: SdkFunctions | undefined;
    const plugins = new Map<string, InstalledSdkPlugin>();

    beforeAll(async () => {
      const isFunction = runsAs === "a function";
      connector = isFunction
        ? startStandInConnector({ launch: (launched) => functions?.launch(launched) ?? "" })
        : undefined;
      daemon = await startSdkDaemon({ env: connector ? { ...connector.env, PLATFORM: "serverless" } : {} });
      functions = isFunction ? await startSdkFunctions(daemon.dataDir) : undefined;
      const added = PLUGINS.map(async (name) => [name, await daemon.add(`kitchen-${name}`)] as const);
      for (const [name, plugin] of await Promise.all(added)) plugins.set(name, plugin);
    });
    afterAll(async () => {
      await daemon[Symbol.asyncDispose]();
      await functions?.[Symbol.asyncDispose]();
      await connector?.[Symbol.asyncDispose]();
    });

    const pluginOf = (one: SdkCase) => {
      const plugin = plugins.get(one.plugin);
      if (!plugin) throw new Error(`${one.plugin} is not installed`);
      return plugin;
    };
    const ask = (one: SdkCase, fault?: string) => daemon.ask(pluginOf(one).pluginId, callOf(one, fault));

    describe.each(SDK_CASES.map((one) => [one.path, one] as const))("%s", (path, one) => {
      test("answers", async () => {
        const answer = await ask(one);
        expect({ failure: answer.failure, items: answer.items }).toEqual({
          failure: undefined,
          items: one.items,
        });
        expect(answer.status).toBe(200);
      });

      const { raises, raisesLater, nothing } = one;
      if (!("impossible" in raises))
        test("passes on what is raised before the first item", async () => {
          for (const name of EXCEPTIONS) {
            const answer = await ask(one, name);
            const error = raises(name);
            expect([name, answer.items.length]).toEqual([name, error ? 0 : 1]);
            if (error) expectRaised(answer, error);
            else expect(answer.failure).toBeUndefined();
          }
        });

      if (!("impossible" in raisesLater))
        test("passes on what is raised after the first items", async () => {
          const first = one.items.slice(0, 2);
          for (const name of EXCEPTIONS) {
            const answer = await ask(one, `${name}@${first.length}`);
            expect(answer.items).toEqual(first);
            const error = raisesLater(name);
            if (error) expectRaised(answer, error);
          }
        });

      if (!("impossible" in nothing))
        test("tells what comes of a handler that answers nothing", async () => {
          const { items, failure } = await ask(one, "nothing");
          if ("items" in nothing)
            expect({ items, failure }).toEqual({ items: nothing.items, failure: undefined });
          else expect(failure).toMatchObject(nothing.failure);
        });

      const unary = ACTIONS.find((row) => row.path === path)?.unary ?? false;
      if (!unary)
        test("answers a direct call of the version the same", async () => {
          const direct = await daemon.askDirectly(pluginOf(one).identifier, callOf(one));
          expect(withoutIds(direct.text)).toBe(withoutIds((await ask(one)).text));
        });
    });
  },
);

function expectRaised(answer: CallAnswer, error: RaisedError): void {
  const failure: Partial<Failure> = answer.failure ?? {};
  expect({ error_type: failure.error_type, message: failure.message }).toEqual({ ...error });
  expect(failure.args?.["traceback"]).toStartWith("Traceback (most recent call last):\n");
  // Models and only they say it twice.
  expect(failure.args?.["description"]).toBe(
    error.error_type.startsWith("Invoke") ? error.message : undefined,
  );
}

/** Log messages have ids of their own in every call. */
function withoutIds(text: string): string {
  return text.replaceAll(/[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}/g, "<id>");
}
