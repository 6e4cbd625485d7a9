/** Stamped into the binary by `scripts/build.ts`; absent when the program runs from source. */
declare const PLUGD_BUILD_VERSION: string | undefined;
declare const PLUGD_BUILD_TIME: string | undefined;

/** Version of this program. From source it is the one of `package.json`, kept equal by a test. */
export const VERSION: string = typeof PLUGD_BUILD_VERSION === "string" ? PLUGD_BUILD_VERSION : "0.1.0";

/** When the binary was built, such as `2026-08-21T08:00:00+0000`; `source` where nothing was built. */
export const BUILD_TIME: string = typeof PLUGD_BUILD_TIME === "string" ? PLUGD_BUILD_TIME : "source";
