import { expect, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readArchive } from "../../src/package/archive.ts";
import { namedPackage, packBundle } from "../support/bundle.ts";
import { failedStart, startTestDaemon } from "../support/daemon.ts";
import { TENANT } from "../support/daemon-api.ts";
import { packZip } from "../support/pack.ts";
import { author, temporaryFolder } from "./author-support.ts";

const NO_LIMIT = { maxUncompressedBytes: Number.MAX_SAFE_INTEGER };
const INFO = String.raw`\d{4}/\d\d/\d\d \d\d:\d\d:\d\d INFO`;
const BAD_SIGNATURE =
  "plugin verification has been enabled, and the plugin you want to install has a bad signature";

/** A folder with a package, a pair of keys and the package signed with it. */
async function signedFolder(category = "community") {
  const folder = temporaryFolder();
  const cwd = folder.path;
  writeFileSync(join(cwd, "a.b.difypkg"), namedPackage("signed"));
  await author(["signature", "generate", "-f", "key"], { cwd });
  const { code } = await author(
    ["signature", "sign", "a.b.difypkg", "-p", "key.private.pem", "-c", category],
    { cwd },
  );
  expect(code).toBe(0);
  return Object.assign(folder, { cwd, file: (name: string) => join(cwd, name) });
}

test("signature generate writes a pair of PKCS#1 keys, and never over another", async () => {
  using folder = temporaryFolder();
  const cwd = folder.path;
  const { code, out, err } = await author(["signature", "generate"], { cwd });
  expect({ code, out }).toEqual({ code: 0, out: "" });
  const name = "dify_plugin_signing_key";
  expect(err).toMatch(
    new RegExp(
      `^${INFO} key pair generated successfully private_key=${name}.private.pem public_key=${name}.public.pem\n$`,
    ),
  );
  const [privateKey, publicKey] = ["private", "public"].map((kind) => join(cwd, `${name}.${kind}.pem`));
  const text = (path = "") => readFileSync(path, "utf8");
  expect(text(privateKey)).toMatch(
    /^-----BEGIN RSA PRIVATE KEY-----\n(?:.{1,64}\n)+-----END RSA PRIVATE KEY-----\n$/,
  );
  expect(text(publicKey)).toMatch(
    /^-----BEGIN RSA PUBLIC KEY-----\n(?:.{1,64}\n)+-----END RSA PUBLIC KEY-----\n$/,
  );
  expect(statSync(privateKey ?? "").mode & 0o777).toBe(0o600);
  const before = text(privateKey);
  const again = await author(["signature", "generate"], { cwd });
  expect(again.code).toBe(1);
  expect(again.err).toContain("it is there already");
  expect(text(privateKey)).toBe(before);
});

test("signature sign writes a copy beside the package, verify tells whose it is", async () => {
  using folder = await signedFolder();
  const { cwd } = folder;
  const signed = readFileSync(folder.file("a.b.signed.difypkg"));
  const { entries, comment } = await readArchive(signed, NO_LIMIT);
  expect(entries.at(-1)?.path).toBe(".verification.dify.json");
  expect(comment).toHaveLength(718);
  const good = await author(["signature", "verify", "a.b.signed.difypkg", "-p", "key.public.pem"], { cwd });
  expect({ code: good.code, out: good.out }).toEqual({ code: 0, out: "" });
  expect(good.err).toMatch(
    new RegExp(`^${INFO} plugin verified successfully authorized_category=community\n$`),
  );

  await author(["signature", "generate", "-f", "other"], { cwd });
  writeFileSync(folder.file("cut.difypkg"), signed.subarray(0, 500));
  for (const [args, text] of [
    [["a.b.signed.difypkg"], "it was not signed with the official key, or changed since"],
    [["a.b.signed.difypkg", "-p", "other.public.pem"], "it was not signed with the key"],
    [["a.b.difypkg", "-p", "key.public.pem"], "it is not signed"],
    [["a.b.signed.difypkg", "-p", "key.private.pem"], "Cannot use the public key"],
    [["a.b.signed.difypkg", "-p", "none.pem"], "none.pem"],
    [["none.difypkg"], "none.difypkg"],
    [["cut.difypkg"], "not a valid difypkg file"],
  ] as const) {
    const bad = await author(["signature", "verify", ...args], { cwd });
    expect([args, bad.code, bad.out]).toEqual([args, 1, ""]);
    expect(bad.err).toContain(text);
  }
});

test("signature sign takes the three categories in any case, and writes them as they are typed", async () => {
  using folder = await signedFolder("LangGenius");
  const { cwd } = folder;
  const { err } = await author(["signature", "verify", "a.b.signed.difypkg", "-p", "key.public.pem"], {
    cwd,
  });
  expect(err).toContain("authorized_category=LangGenius");
  const sign = (...args: readonly string[]) => author(["signature", "sign", "a.b.difypkg", ...args], { cwd });
  expect((await sign("-p", "key.private.pem", "-c", "")).code).toBe(0);
  expect((await sign("-p", "key.private.pem", "-c", "somebody")).code).toBe(2);
  expect((await sign()).code).toBe(2);
  expect(await sign("-p", "key.public.pem")).toMatchObject({ code: 1, out: "" });
  expect(await sign("-p", "none.pem")).toMatchObject({ code: 1, out: "" });
});

test("a daemon that forces signatures takes packages of a third party's key, and no changed one", async () => {
  using folder = await signedFolder();
  await using daemon = await startTestDaemon({
    env: {
      FORCE_VERIFYING_SIGNATURE: "true",
      THIRD_PARTY_SIGNATURE_VERIFICATION_ENABLED: "true",
      THIRD_PARTY_SIGNATURE_VERIFICATION_PUBLIC_KEYS: ` ${folder.file("key.public.pem")} `,
    },
  });
  const signed = readFileSync(folder.file("a.b.signed.difypkg"));
  const { data } = await daemon.api.upload(signed);
  expect(data).toMatchObject({
    manifest: { name: "signed", verified: true },
    verification: { authorized_category: "community" },
  });

  const { entries, comment } = await readArchive(signed, NO_LIMIT);
  const raw = entries.map(({ path, bytes }) => ({ name: path, data: bytes }));
  const text = Buffer.from(comment).toString();
  await author(["signature", "generate", "-f", "other"], { cwd: folder.cwd });
  await author(["signature", "sign", "a.b.signed.difypkg", "-p", "other.private.pem"], { cwd: folder.cwd });
  for (const [what, bytes] of [
    ["unsigned", namedPackage("signed")],
    [
      "changed",
      packZip(
        raw.map((entry) => (entry.name === "README.md" ? { ...entry, data: "ho" } : entry)),
        { comment: text },
      ),
    ],
    ["another time", packZip(raw, { comment: text.replace(/\d+\}$/, "1}") })],
    ["an entry twice", packZip([...raw, { name: "README.md", data: "hi" }], { comment: text })],
    ["another key", readFileSync(folder.file("a.b.signed.signed.difypkg"))],
  ] as const)
    expect([what, (await daemon.api.upload(bytes)).failure?.message]).toEqual([what, BAD_SIGNATURE]);

  // The same policy for what is in a bundle.
  const bundle = async (bytes: Uint8Array) => {
    const form = new FormData();
    form.set("dify_bundle", new Blob([packBundle({ assets: { inner: bytes } })]), "box.difybndl");
    const path = `/plugin/${TENANT}/management/install/upload/bundle`;
    return (await daemon.api.request(path, { method: "POST", body: form })).text();
  };
  expect(await bundle(signed)).toStartWith('{"code":0,');
  expect(await bundle(namedPackage("signed"))).toContain(BAD_SIGNATURE);
});

test("in a bundle langgenius has to be signed as langgenius, alone it has not", async () => {
  using folder = temporaryFolder();
  const cwd = folder.path;
  const path = (name: string) => join(cwd, name);
  writeFileSync(path("x.difypkg"), namedPackage("x", "langgenius"));
  await author(["signature", "generate", "-f", "key"], { cwd });
  const signedAs = async (category: string) => {
    await author(["signature", "sign", "x.difypkg", "-p", "key.private.pem", "-c", category], { cwd });
    return readFileSync(path("x.signed.difypkg"));
  };
  await using daemon = await startTestDaemon({
    env: {
      THIRD_PARTY_SIGNATURE_VERIFICATION_ENABLED: "true",
      THIRD_PARTY_SIGNATURE_VERIFICATION_PUBLIC_KEYS: path("key.public.pem"),
    },
  });
  const bundle = async (bytes: Uint8Array) => {
    const form = new FormData();
    form.set("dify_bundle", new Blob([packBundle({ assets: { inner: bytes } })]), "box.difybndl");
    const url = `/plugin/${TENANT}/management/install/upload/bundle`;
    return (await daemon.api.request(url, { method: "POST", body: form })).text();
  };
  expect(await bundle(namedPackage("x", "langgenius"))).toContain("plugin installation blocked");
  expect(await bundle(await signedAs("partner"))).toContain("plugin installation blocked");
  expect(await bundle(await signedAs("langgenius"))).toStartWith('{"code":0,');
  expect((await daemon.api.upload(namedPackage("y", "langgenius"))).code).toBe(0);
});

test("a daemon does not start with a third party's key that cannot be used, and names it", async () => {
  using folder = temporaryFolder();
  writeFileSync(join(folder.path, "bad.pem"), "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n");
  for (const name of ["bad.pem", "none.pem"]) {
    const { code, output } = await failedStart({
      dataDir: join(folder.path, "data"),
      env: {
        THIRD_PARTY_SIGNATURE_VERIFICATION_ENABLED: "true",
        THIRD_PARTY_SIGNATURE_VERIFICATION_PUBLIC_KEYS: join(folder.path, name),
      },
    });
    expect(code).toBe(1);
    expect(output).toContain(`the public key "${join(folder.path, name)}"`);
  }
});
