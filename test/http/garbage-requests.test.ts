/**
 * Garbage for every route, most of it nearly valid: every request is answered, in time, with a status below 500 or an
 * error that has a type; nothing is logged as a mistake of ours, and nothing stays behind.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import * as fc from "fast-check";
import { packBundle } from "../support/bundle.ts";
import {
  garbageJson,
  garbageRuns,
  garbageText,
  heldMegabytes,
  mutatedBytes,
  mutatedJson,
  mutatedText,
  survives,
} from "../support/garbage.ts";
import { type AppRequest, readAppAnswer, validRequest } from "../support/app-request.ts";
import { tinyPackage } from "../support/pack.ts";
import { until } from "../support/processes.ts";
import { APP_KEY, APP_TENANT, type AppRoute, openWholeApp, type WholeApp } from "../support/whole-app.ts";

setDefaultTimeout(600_000);

/** Two fifths of a long run. */
const RUNS = garbageRuns({ gate: 2000, share: 0.4 });
/** Cases after which what the process holds is taken as its normal size: until then caches and compiled code grow. */
const WARM_UP = Math.floor(RUNS / 2);
const MAX_GROWTH_MB = 150;

let app: WholeApp;
beforeAll(async () => {
  app = await openWholeApp();
});
afterAll(() => app[Symbol.asyncDispose]());

test("every route survives any request", async () => {
  const statuses = new Map<number, number>();
  const reached = new Set<string>();
  let cases = 0;
  let heldAtFirst = 0;
  await fc.assert(
    fc.asyncProperty(requestOf(app), async ({ route, request }) => {
      await app.restoreEndpoint();
      await survives(async () => {
        const answer = await readAppAnswer(await app.fetch(requestFrom(request)));
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        if (answer.status < 400) reached.add(route.path);
        expect(app.takeErrors()).toEqual([]);
        if (answer.code !== undefined && answer.code !== 0)
          expect(answer.error?.error_type).toMatch(/^Plugin\w+Error$/);
        if (answer.status >= 400 && answer.status !== 404) expect(answer.error).toBeDefined();
        // Only what a plugin answers may fail like this.
        if (answer.status >= 500) expect(answer.error?.error_type).toBe("PluginInvokeError");
      });
      if (++cases === WARM_UP) heldAtFirst = heldMegabytes();
    }),
    { numRuns: RUNS },
  );
  await until("every call has ended", () => app.openCalls() === 0);
  expect(heldMegabytes() - heldAtFirst).toBeLessThan(MAX_GROWTH_MB);
  // Garbage that is refused at the door tests nothing.
  expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 400, 404]));
  expect(reached.size).toBeGreaterThan(app.routes.length / 3);
  expect([...reached]).toEqual(expect.arrayContaining(["/e/:hook_id/*"]));
});

interface GarbageRequest {
  readonly route: AppRoute;
  readonly request: AppRequest;
}

/** Of every part the valid one is the most likely: each mistake has to get past the others. */
function requestOf(whole: WholeApp): fc.Arbitrary<GarbageRequest> {
  return fc.constantFrom(...whole.routes).chain((route) => {
    const valid = validRequest(whole, route);
    return fc
      .record({
        method: mostly(
          valid.method,
          fc.constantFrom("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"),
        ),
        path: pathOf(valid.path),
        headers: headersOf({ "x-api-key": APP_KEY, ...valid.headers }),
        body: bodyOf(route, valid),
      })
      .map((request) => ({ route, request }));
  });
}

function pathOf(valid: string): fc.Arbitrary<string> {
  const [path = "", query = ""] = valid.split("?");
  const segment = garbageText.map((text) => encoded(text.slice(0, 300)));
  const otherTenant = fc.constantFrom("t2", "..%2f..", "%00", "%zz", "0197f000-0000-7000-8000-000000000001");
  const brokenPath = fc.tuple(fc.nat({ max: 8 }), segment).map(([at, text]) =>
    path
      .split("/")
      .map((part, index) => (index === at + 1 ? text : part))
      .join("/"),
  );
  const paths = mostly(
    path,
    fc.oneof(
      otherTenant.map((tenant) => path.replace(`/${APP_TENANT}/`, `/${tenant}/`)),
      brokenPath,
      fc.constantFrom(
        `${path}/`,
        path.slice(0, -1),
        `${path}/x`,
        path.toUpperCase(),
        path.replaceAll("/", "//"),
      ),
    ),
  );
  const pairs = new URLSearchParams(query);
  const names = [...pairs.keys(), "tags", "language", "page", "plugin_unique_identifier", "verify_signature"];
  const value = fc.oneof(
    garbageText,
    fc.constantFrom("0", "-1", "257", "1.5", "9007199254740993", "en_US", "agent"),
  );
  const queries = mostly(
    query,
    fc.oneof(
      fc.tuple(fc.constantFrom(...names), value).map(([name, text]) => {
        const changed = new URLSearchParams(query);
        changed.set(name, text);
        return changed.toString();
      }),
      fc.tuple(fc.constantFrom(...names), value).map(([name, text]) => `${query}&${name}=${encoded(text)}`),
      mutatedText(fc.constant(query)).map(encodedLoosely),
      fc.constant(""),
    ),
  );
  return fc.tuple(paths, queries).map(([one, two]) => (two === "" ? one : `${one}?${two}`));
}

function headersOf(valid: Readonly<Record<string, string>>): fc.Arbitrary<Record<string, string>> {
  const value = fc
    .oneof(
      garbageText,
      fc.constantFrom(
        "application/json",
        "text/plain",
        "multipart/form-data",
        "a/n",
        "gzip",
        "chunked",
        "-1",
      ),
    )
    .map(headerValue);
  const names = [
    ...Object.keys(valid), "content-type", "content-length", "content-encoding", "x-forwarded-prefix", "traceparent",
    "x-plugin-id", "x-plugin-unique-identifier", "accept", "expect", "range", "if-none-match",
  ]; // prettier-ignore
  const changed = fc.oneof(
    fc.tuple(fc.constantFrom(...names), value).map(([name, text]) => ({ ...valid, [name]: text })),
    fc
      .constantFrom(...names)
      .map((name) => Object.fromEntries(Object.entries(valid).filter(([key]) => key !== name))),
  );
  return mostly({ ...valid }, changed);
}

function bodyOf({ operation }: AppRoute, { body }: AppRequest): fc.Arbitrary<AppRequest["body"]> {
  const any = fc.oneof(
    garbageText,
    garbageJson.map((value) => JSON.stringify(value)),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => new Uint8Array(bytes)),
  );
  if (typeof body === "string") {
    const value: unknown = JSON.parse(body);
    return fc.oneof(
      { weight: 2, arbitrary: fc.constant(body) },
      { weight: 5, arbitrary: mutatedJson(fc.constant(value)).map((changed) => JSON.stringify(changed)) },
      { weight: 2, arbitrary: mutatedText(fc.constant(body)) },
      { weight: 1, arbitrary: any },
    );
  }
  if (operation.requestBody)
    return fc.oneof({ weight: 4, arbitrary: formOf() }, { weight: 1, arbitrary: any });
  return mostly(undefined, any);
}

const PACKAGE = new Uint8Array(tinyPackage());
const BUNDLE = packBundle({ assets: { "a.difypkg": PACKAGE } });

/** A form whose file, or whose own text, is broken. Its boundary stands in the header only now and then. */
function formOf(): fc.Arbitrary<FormData | Uint8Array<ArrayBuffer>> {
  const file = fc.oneof(fc.constantFrom(PACKAGE, BUNDLE), mutatedBytes(fc.constantFrom(PACKAGE, BUNDLE)));
  const name = fc.constantFrom("dify_pkg", "dify_bundle", "file", "");
  const form = fc.tuple(name, file, fc.option(garbageText)).map(([field, bytes, flag]) => {
    const data = new FormData();
    if (flag !== null) data.append("verify_signature", flag);
    data.append(field, new Blob([bytes]), "a.difypkg");
    return data;
  });
  const text = (field: string) =>
    new Uint8Array(
      Buffer.concat([
        Buffer.from(`--cut\r\nContent-Disposition: form-data; name="${field}"; filename="a"\r\n\r\n`),
        PACKAGE,
        Buffer.from("\r\n--cut--\r\n"),
      ]),
    );
  return fc.oneof(form, mutatedBytes(name.map(text)));
}

function mostly<T>(valid: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 4, arbitrary: fc.constant(valid) }, { weight: 1, arbitrary: other });
}

function requestFrom({ method, path, headers, body }: AppRequest): Request {
  const hasBody = body !== undefined && method !== "GET" && method !== "HEAD";
  const all = new Headers(headers);
  if (body instanceof Uint8Array && !all.has("content-type"))
    all.set("content-type", "multipart/form-data; boundary=cut");
  return new Request(`http://localhost${path}`, { method, headers: all, ...(hasBody && { body }) });
}

/** What a client can send as a header's value at all. */
function headerValue(text: string): string {
  return text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, "?").trim();
}

function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

/** Leaves most characters as a careless client does, but for those that end a URL or cannot stand in one. */
function encodedLoosely(text: string): string {
  return text.toWellFormed().replaceAll(/[#\s\0]/g, encodeURIComponent);
}
