/** That scenarios, recordings and the list of deviations fit together: nothing is recorded in vain or never compared. */
import { describe, expect, test } from "bun:test";
import { ACTIONS } from "../../src/protocol/actions/catalogue.ts";
import { SDK_CASES } from "../integration/sdk-cases.ts";
import { DEVIATIONS } from "./deviations.ts";
import { readPackage, readRecorded } from "./golden-files.ts";
import { SCENARIOS } from "./scenarios/all-scenarios.ts";

describe.each(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))(
  "scenario %s",
  (_, scenario) => {
    const compared = scenario.steps.filter((step) => !step.setup);

    test("has a recorded answer for each step that is no setup, and a step for each recorded answer", () => {
      expect(compared.map(({ name }) => name).toSorted()).toEqual(
        [...readRecorded(scenario.name).keys()].toSorted(),
      );
    });

    test("has its packages in the repository", () => {
      for (const { body } of scenario.steps.filter((step) => "path" in step))
        if (body && "upload" in body && body.upload.zeros === undefined)
          expect(() => readPackage(body.upload.name)).not.toThrow();
    });
  },
);

test("every scenario has a tenant of its own", () => {
  expect(new Set(SCENARIOS.map(({ tenant }) => tenant)).size).toBe(SCENARIOS.length);
});

test("every deviation names a compared step, once, with its paths, a reason and where it was decided", () => {
  const steps = new Set(
    SCENARIOS.flatMap(({ name, steps }) =>
      steps.filter(({ setup }) => !setup).map((step) => `${name}: ${step.name}`),
    ),
  );
  const listed = DEVIATIONS.map(({ scenario, step }) => `${scenario}: ${step}`);
  expect(listed.filter((name) => !steps.has(name))).toEqual([]);
  expect(new Set(listed).size).toBe(listed.length);
  for (const { paths, reason, decidedIn } of DEVIATIONS) {
    expect(paths.length).toBeGreaterThan(0);
    expect(paths).not.toContain("");
    expect(reason.length).toBeGreaterThan(20);
    expect(decidedIn).toMatch(/^decisions\.md: |^contract\/[a-z-]+\.md \d/);
  }
});

interface RecordedCalls {
  /** Names of steps; an answer of no item is one. */
  readonly successes: readonly string[];
  /** Names of steps at which the plugin raised something, not the daemon. */
  readonly errors: readonly string[];
}

/** How plugins with the real SDK are recorded to have answered to an action. */
function callsOf(path: string): RecordedCalls {
  const calls = SCENARIOS.flatMap(({ name, steps }) => {
    const recorded = readRecorded(name);
    return steps
      .filter((step) => "path" in step)
      .filter((step) => step.path === `/plugin/{{tenant}}/dispatch${path}`)
      .filter(({ plugin = "" }) => plugin.startsWith("gold/kitchen-"))
      .map((step) => ({ name: step.name, answer: JSON.stringify(recorded.get(step.name)) }));
  });
  const raised = calls.filter(({ answer }) => answer.includes('"error_type":"PluginInvokeError"'));
  const answered = calls.filter(
    ({ answer }) => answer.includes('"status":200') && !answer.includes('"code":-'),
  );
  return { successes: answered.map(({ name }) => name), errors: raised.map(({ name }) => name) };
}

describe.each(ACTIONS.map(({ path }) => path))("%s of a plugin with the SDK", (path) => {
  const { successes, errors } = callsOf(path);

  test("is recorded to have worked", () => {
    expect(successes).not.toEqual([]);
  });

  test("is recorded to have failed, or has a case of its own that does", () => {
    const own = SDK_CASES.find((one) => one.path === path)?.raises;
    // No release of the SDK has a handler for it, so nothing can fail.
    const raises = typeof own === "function";
    if (path === "/tool/get_runtime_parameters")
      expect({ errors, raises }).toEqual({ errors: [], raises: false });
    else expect(errors.length > 0 || raises).toBe(true);
  });
});
