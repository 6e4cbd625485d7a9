import {
  type FakePlatform,
  type FakePlatformOptions,
  startFakePlatform,
} from "../../src/service/author/fake-platform/fake-platform.ts";

export interface TestPlatform extends FakePlatform, AsyncDisposable {
  /** For the daemon under test. */
  readonly env: Readonly<Record<string, string>>;
}

/** A fake platform on a free port, gone with its block (`await using`). */
export function testPlatform(options: Partial<FakePlatformOptions> = {}): TestPlatform {
  const platform = startFakePlatform({ port: 0, ...options });
  return {
    ...platform,
    env: { DIFY_INNER_API_URL: platform.url, DIFY_INNER_API_KEY: platform.key },
    [Symbol.asyncDispose]: () => platform.close(),
  };
}
