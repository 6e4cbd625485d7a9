import { Elysia } from "elysia";
import type { RelaunchFunction } from "../../service/relaunch-function.ts";
import type { ServerlessPlugins } from "../../service/serverless-plugins.ts";
import { createKeyCheck } from "../auth.ts";
import { success } from "../envelope.ts";
import { identifier, optionalOneOf, optionalText, text } from "../field-checks.ts";
import { describeFields } from "../openapi/describe-fields.ts";
import { enveloped, type Operations, streamed } from "../openapi/operation.ts";
import { decodeFields } from "../request-fields.ts";

export interface AdminRoutesDeps {
  /** Compared with `X-Admin-Api-Key`. */
  readonly adminKey: string;
  readonly relaunch: RelaunchFunction;
  switchEndpoint: ServerlessPlugins["switchEndpoint"];
}

const PREFIX = "/admin/plugin/serverless";
const REINSTALL = { identifier: identifier("plugin_unique_identifier") };
const SWITCH = {
  identifier: identifier("plugin_unique_identifier"),
  functionName: text("function_name"),
  functionUrl: text("function_url"),
  protocol: optionalOneOf("protocol", ["sdk", "plain"]),
  signatureSecret: optionalText("signature_secret"),
};
const OWN_BODY = { parse: "none" } as const;

/** What these routes tell about themselves. */
export const adminOperations = (): Operations => ({
  [`POST ${PREFIX}/reinstall`]: {
    operationId: "reinstallFunction",
    summary: "Build the function of a plugin anew",
    tags: ["Functions"],
    ...describeFields(REINSTALL),
    responses: streamed({
      type: "object",
      required: ["event", "data"],
      properties: { event: { enum: ["info", "done", "error"] }, data: { type: "string" } },
    }),
  },
  [`POST ${PREFIX}/switch-endpoint`]: {
    operationId: "switchFunctionEndpoint",
    summary: "Point a plugin at another function",
    tags: ["Functions"],
    ...describeFields(SWITCH),
    responses: enveloped({ const: true }),
  },
});

/** What operators do to functions (contract/http-api 3.10). */
export function adminRoutes({ adminKey, relaunch, switchEndpoint }: AdminRoutesDeps) {
  const checkKey = createKeyCheck("x-admin-api-key", adminKey);
  return new Elysia({ name: "admin", prefix: PREFIX })
    .onBeforeHandle(({ request }) => checkKey(request))
    .post(
      "/reinstall",
      async ({ request }) => {
        const fields = await decodeFields(request, REINSTALL);
        return stream(relaunch(fields.identifier, request.signal));
      },
      OWN_BODY,
    )
    .post(
      "/switch-endpoint",
      async ({ request }) => {
        await switchEndpoint(await decodeFields(request, SWITCH));
        return success(true);
      },
      OWN_BODY,
    );
}

function stream(items: AsyncIterable<object>): Response {
  const encoder = new TextEncoder();
  const iterator = items[Symbol.asyncIterator]();
  return new Response(
    new ReadableStream<Uint8Array>({
      async pull(controller) {
        const { done, value } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(`data: ${JSON.stringify(success(value))}\n\n`));
      },
    }),
    { headers: { "content-type": "text/event-stream" } },
  );
}
