import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { bundleManifestText, namedPackage, packageLine, packBundle } from "../support/bundle.ts";
import { spawnTestDaemon, startTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { TENANT } from "../support/daemon-api.ts";
import { packZip, textEntries, TINY } from "../support/pack.ts";
import { until } from "../support/processes.ts";
import { tinyDisk, tinyDiskRefusal } from "../support/tiny-disk.ts";

const PATH = `/plugin/${TENANT}/management/install/upload/bundle`;
const MEBIBYTE = 1024 * 1024;

async function upload(daemon: TestDaemon, bytes: Uint8Array<ArrayBuffer>) {
  const form = new FormData();
  form.set("dify_bundle", new Blob([bytes]), "box.difybndl");
  const response = await daemon.api.request(PATH, { method: "POST", body: form });
  return { status: response.status, text: await response.text() };
}

/** A package with noise that no compressor makes smaller. */
function noisyPackage(name: string, noiseBytes: number): Uint8Array {
  const manifest = (TINY["manifest.yaml"] ?? "").replace("name: n\n", `name: ${name}\n`);
  return packZip([
    ...textEntries({ ...TINY, "manifest.yaml": manifest }),
    { name: "noise", data: randomBytes(noiseBytes), method: 0 },
  ]);
}

const noisyBundle = (count: number, noiseBytes: number) =>
  packBundle({
    assets: Object.fromEntries(
      Array.from({ length: count }, (_, at) => [`p${at}`, noisyPackage(`noisy-${at}`, noiseBytes)]),
    ),
  });

/** Files below a folder, links and all. */
const filesOf = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name);

test("a bundle's packages can be installed after its upload", async () => {
  await using daemon = await startTestDaemon();
  const { text } = await upload(
    daemon,
    packBundle({ assets: { one: namedPackage("one"), two: namedPackage("two") } }),
  );
  expect(text).toContain('"unique_identifier":"a/one:0.0.1@');
  const identifier = /a\/two:0\.0\.1@[0-9a-f]{64}/.exec(text)?.[0] ?? "";
  expect(await daemon.api.startInstall(identifier)).not.toBe("");
  expect(filesOf(join(daemon.dataDir, "uploads"))).toEqual([]);
});

test("bundle uploads at once, of the same bundle and of its packages, all succeed", async () => {
  await using daemon = await startTestDaemon();
  const one = namedPackage("one");
  const bytes = packBundle({ assets: { one, two: namedPackage("two") } });
  const answers = await Promise.all([
    upload(daemon, bytes),
    upload(daemon, bytes),
    upload(daemon, bytes),
    daemon.api.upload(one),
    daemon.api.upload(one),
  ]);
  for (const { text } of answers) expect(text).toStartWith('{"code":0,');
  expect(new Set(answers.slice(0, 3).map(({ text }) => text)).size).toBe(1);
});

test.skipIf(tinyDiskRefusal !== undefined)(
  `a bundle that fills the disk of the packages leaves nothing on it${tinyDiskRefusal ?? ""}`,
  async () => {
    await using disk = await tinyDisk({ sizeBytes: 2 * MEBIBYTE });
    await using daemon = await startTestDaemon({ env: { PLUGIN_STORAGE_LOCAL_ROOT: disk.path } });
    const { status, text } = await upload(daemon, noisyBundle(3, 800_000));
    expect(status).toBe(200);
    expect(text).toStartWith('{"code":-500,');
    expect(text).toContain("no space is left on its disk");
    expect(filesOf(disk.path)).toEqual([]);
    expect(filesOf(join(daemon.dataDir, "uploads"))).toEqual([]);
    // There is space again.
    expect((await upload(daemon, noisyBundle(1, 800_000))).text).toStartWith('{"code":0,');
  },
);

test.skipIf(tinyDiskRefusal !== undefined)(
  `a bundle that does not fit on the disk of the data folder is refused and leaves nothing${tinyDiskRefusal ?? ""}`,
  async () => {
    await using disk = await tinyDisk({ sizeBytes: 8 * MEBIBYTE });
    await using daemon = await startTestDaemon({ dataDir: disk.path });
    const { text } = await upload(daemon, noisyBundle(4, 3 * MEBIBYTE));
    expect(text).toStartWith('{"code":-500,');
    expect(text).toContain("Cannot keep the upload: no space is left on the disk of the data folder");
    expect(filesOf(join(disk.path, "uploads"))).toEqual([]);
    expect((await upload(daemon, noisyBundle(1, 100_000))).text).toStartWith('{"code":0,');
  },
);

test("a client that leaves in the middle of a bundle leaves nothing behind", async () => {
  await using daemon = await startTestDaemon();
  const uploads = join(daemon.dataDir, "uploads");
  const socket = connect(daemon.port, "127.0.0.1");
  socket.write(
    `POST ${PATH} HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: ${daemon.key}\r\nContent-Length: 1000000\r\n` +
      "Content-Type: multipart/form-data; boundary=cut\r\n\r\n" +
      `--cut\r\nContent-Disposition: form-data; name="dify_bundle"; filename="a"\r\n\r\n${"x".repeat(200_000)}`,
  );
  await until("the file is being received", () => filesOf(uploads).length === 1);
  socket.destroy();
  await until("the file is gone", () => filesOf(uploads).length === 0);
});

test("a start removes what a killed daemon was receiving", async () => {
  await using disk = await startTestDaemon();
  const dataDir = disk.dataDir;
  await disk.close();
  await mkdir(join(dataDir, "uploads"), { recursive: true });
  await writeFile(join(dataDir, "uploads", "left"), "half of a bundle");
  await using _daemon = await startTestDaemon({ dataDir });
  expect(filesOf(join(dataDir, "uploads"))).toEqual([]);
});

test("a bundle over MAX_BUNDLE_PACKAGE_SIZE is refused, and so is one without its file", async () => {
  await using daemon = await startTestDaemon({ env: { MAX_BUNDLE_PACKAGE_SIZE: "100000" } });
  expect((await upload(daemon, noisyBundle(1, 100_001))).text).toContain(
    "file size exceeds the maximum limit",
  );
  const form = new FormData();
  form.set("dify_pkg", new Blob(["x"]), "a");
  const response = await daemon.api.request(PATH, { method: "POST", body: form });
  expect([response.status, await response.text()]).toEqual([
    200,
    expect.stringContaining("http: no such file"),
  ]);
  const packages = packBundle({ manifest: bundleManifestText([packageLine("none")]) });
  expect((await upload(daemon, packages)).text).toContain("asset not found");
});

test.skipIf(process.platform !== "linux")(
  "a large bundle costs memory for some of its packages, not for all of it",
  async () => {
    const bytes = noisyBundle(12, 12 * MEBIBYTE);
    await using daemon = await spawnTestDaemon();
    const high = () =>
      Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${daemon.pid}/status`, "latin1"))?.[1]) * 1024;
    const before = high();
    expect((await upload(daemon, bytes)).text).toStartWith('{"code":0,');
    // Held in memory and unpacked there, it would cost more than twice its size.
    expect(high() - before).toBeLessThan(1.2 * bytes.byteLength);
  },
  30_000,
);
