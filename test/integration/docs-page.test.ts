import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTestDaemon } from "../support/daemon.ts";

setDefaultTimeout(60_000);

const browser = ["chromium", "chromium-browser", "google-chrome"]
  .map((name) => Bun.which(name))
  .find((path) => path !== null);

/** What a browser makes of a page: its tree after loading, and what it tried to reach. */
async function open(url: string): Promise<{ readonly dom: string; readonly log: string }> {
  const profile = await mkdtemp(join(tmpdir(), "plugd-browser-"));
  try {
    const flags = [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--enable-logging=stderr",
      `--user-data-dir=${profile}`,
    ];
    const child = Bun.spawn([browser ?? "chromium", ...flags, "--dump-dom", url], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: 45_000,
      killSignal: "SIGKILL",
    });
    const [dom, log] = await Promise.all([child.stdout.text(), child.stderr.text()]);
    await child.exited;
    return { dom, log };
  } finally {
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

const name = "/docs shows every operation in a browser, with nothing refused by its content policy";
test.skipIf(browser === undefined)(`${name} (needs chromium)`, async () => {
  await using daemon = await startTestDaemon({ env: { PLUGD_OPEN_DOCS: "true" } });
  const document: unknown = await (await fetch(`${daemon.url}/openapi.json`)).json();
  const { dom, log } = await open(`${daemon.url}/docs`);
  expect(dom).toContain("HTTP API</title>");
  for (const path of Object.keys((document as { paths: object }).paths)) expect(dom).toContain(path);
  expect(log).not.toMatch(/Content Security Policy|ERR_|CONSOLE/);
});

test("/docs and /openapi.json want the key unless they were opened", async () => {
  await using daemon = await startTestDaemon();
  expect((await fetch(`${daemon.url}/docs`)).status).toBe(401);
  expect((await fetch(`${daemon.url}/openapi.json`)).status).toBe(401);
});
