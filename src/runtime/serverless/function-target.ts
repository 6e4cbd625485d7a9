import type { FunctionProtocol } from "../../protocol/serverless/connector.ts";

/** Where a function is, and how it is spoken to. */
export interface FunctionTarget {
  readonly url: string;
  readonly name: string;
  readonly protocol: FunctionProtocol;
  /** Requests are signed with it; answers that are signed are checked with it. Undefined: neither. */
  readonly signatureSecret: string | undefined;
  /** What the function calls back at; also told in a header, for functions that read no environment. */
  readonly daemonUrl: string | undefined;
  /** Of one call. */
  readonly traceparent?: string | undefined;
}
