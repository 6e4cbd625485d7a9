import type { FunctionProtocol } from "./connector.ts";

/**
 * What a connector answers while it launches a function: one JSON object a line (contract/plugin-wire 3.1). A daemon
 * shows `start` and `build` as progress, takes the function's address from `run` with `success`, and ignores `healthz`: `readLaunchLine()` is its side.
 */
export interface LaunchLine {
  readonly Stage: "healthz" | "start" | "build" | "run" | "end";
  readonly State: "running" | "success" | "failed";
  /** What is being worked on. */
  readonly Obj: string;
  readonly Message: string;
}

/** One entry of `Items` in the answer of `GET /v1/runner/instances`. */
export interface RunnerInstance {
  readonly ID: string;
  readonly Name: string;
  readonly Endpoint: string;
  readonly ResourceName: string;
  readonly Status: { readonly State: string };
  /** Ours: how it is called. */
  readonly Protocol: FunctionProtocol;
  /** Ours: `launchFingerprint()` of what the last launch came with. */
  readonly Fingerprint: string;
}

/**
 * `Message` of a launch that succeeded. A daemon splits it at every `,`, and each part at its only `=`; none of the
 * three may hold one of them. A function that is not called as the SDK is says so in a fourth part.
 */
export function launchedMessage(launched: {
  readonly endpoint: string;
  readonly name: string;
  readonly id: string;
  readonly form: FunctionProtocol;
}): string {
  const { endpoint, name, id, form } = launched;
  return `endpoint=${endpoint},name=${name},id=${id}${form === "plain" ? ",protocol=plain" : ""}`;
}
