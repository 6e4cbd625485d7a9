import { Elysia } from "elysia";
import type { Transactions } from "../../service/transactions.ts";
import { frameEncodingFor } from "../frame-encoding.ts";
import type { HookBodies } from "../hook-bodies.ts";
import { type Operation, type Operations, PUBLIC } from "../openapi/operation.ts";
import { openTransactionStream } from "../transaction-stream.ts";

export interface TransactionRoutesDeps {
  readonly transactions: Transactions;
  readonly bodies: HookBodies;
  /** Of one answer, in milliseconds. */
  readonly timeoutMs: number;
  /** The reference's form, without a secret in its path (`PLUGD_OPEN_TRANSACTIONS`). */
  readonly open: boolean;
}

const PATH = "/backwards-invocation/transaction";
const FUNCTION_PATH = `/function/:secret${PATH}`;
const OWN_BODY = { parse: "none" } as const;

/** What these routes tell about themselves. */
export const transactionOperations = (): Operations => ({
  [`POST ${FUNCTION_PATH}`]: operation("callBackFromFunction"),
  [`POST ${PATH}`]: operation("callBackFromAnyFunction"),
});

/** Calls back of functions (contract/http-api 3.9). They need no key: the path has a secret, and the body a session. */
export function transactionRoutes(deps: TransactionRoutesDeps) {
  const app = new Elysia({ name: "transactions" }).post(
    FUNCTION_PATH,
    ({ params, request }) => callBack(deps, { request, secret: params.secret }),
    OWN_BODY,
  );
  if (deps.open) app.post(PATH, ({ request }) => callBack(deps, { request, secret: undefined }), OWN_BODY);
  return app;
}

async function callBack(
  { bodies, transactions, timeoutMs }: TransactionRoutesDeps,
  { request, secret }: { readonly request: Request; readonly secret: string | undefined },
): Promise<Response> {
  return bodies.use(request, async (bytes) => {
    const encoding = frameEncodingFor(request);
    const { answer, respond } = openTransactionStream({ client: request.signal, timeoutMs, encoding });
    const refusal = transactions.begin(new TextDecoder().decode(bytes), { secret, answer });
    if (!refusal) return respond();
    answer.close();
    encoding.close();
    return new Response(refusal.body, { status: refusal.status });
  });
}

function operation(operationId: string): Operation {
  return {
    operationId,
    summary: "What a function asks of the platform while it serves a call",
    description: "The body is the session message that a local plugin would write",
    tags: ["Functions"],
    ...PUBLIC,
    responses: {
      "200": {
        description: "Messages of the event backwards_response, each followed by an empty line",
        content: { "text/event-stream": { schema: { type: "string" } } },
      },
      "400": { description: "No such session, or no session message" },
      "500": { description: "The call back within is malformed" },
    },
  };
}
