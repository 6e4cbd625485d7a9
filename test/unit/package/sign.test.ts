import { expect, test } from "bun:test";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { readArchive } from "../../../src/package/archive.ts";
import { readPackage } from "../../../src/package/read-package.ts";
import { type SignOptions, signPackage } from "../../../src/package/sign.ts";
import { signedBytes } from "../../../src/package/signature.ts";
import { packZip, textEntries, TINY, tinyPackage, type ZipEntry } from "../../support/pack.ts";
import { rejection } from "../../support/rejection.ts";

const LIMIT = { maxUncompressedBytes: 1_000_000 };
const VERIFICATION = ".verification.dify.json";
// Smaller than real keys, which have 4096 bits and take a second to make.
const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
const other = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = (key: KeyObject) => key.export({ type: "pkcs1", format: "pem" });
const PUBLIC_KEY = pem(pair.publicKey);
const PRIVATE_KEY = { source: "mine.pem", pem: pem(pair.privateKey) };
const OPTIONS: SignOptions = { privateKey: PRIVATE_KEY, category: "community", timeSeconds: 1700000000 };

const read = (bytes: Uint8Array, keys = [PUBLIC_KEY]) => readPackage(bytes, { ...LIMIT, publicKeys: keys });
const entriesOf = async (bytes: Uint8Array) => (await readArchive(bytes, LIMIT)).entries;

/** The same zip with other entries, its comment kept. */
async function repacked(
  bytes: Uint8Array,
  change: (entries: readonly ZipEntry[]) => readonly ZipEntry[],
): Promise<Uint8Array> {
  const { entries, comment } = await readArchive(bytes, LIMIT);
  const raw = entries.map(({ path, bytes: data }): ZipEntry => ({ name: path, data }));
  return packZip(change(raw), { comment: Buffer.from(comment).toString() });
}

test("signPackage() makes a package that its key verifies, and no other", async () => {
  const signed = await signPackage(tinyPackage(), OPTIONS);
  const pkg = await read(signed);
  expect(pkg.verification).toEqual({ authorized_category: "community" });
  expect(pkg.declaration.verified).toBe(true);
  expect((await read(signed, [pem(other.publicKey)])).verification).toBeNull();
  expect((await read(signed, [pem(other.publicKey), PUBLIC_KEY])).verification).not.toBeNull();
});

// contract/plugin-package 11, vector 2
test("signPackage() keeps the order of entries, adds who vouches last, and signs what the vector says", async () => {
  const files = textEntries({ "b/c.txt": "", "a.txt": "A\n", "b.txt": "B" });
  const { entries, comment } = await readArchive(await signPackage(packZip(files), OPTIONS), LIMIT);
  expect(entries.map(({ path }) => path)).toEqual(["b/c.txt", "a.txt", "b.txt", VERIFICATION]);
  expect(Buffer.from(entries[3]?.bytes ?? "").toString()).toBe('{"authorized_category":"community"}');
  expect(new Bun.CryptoHasher("sha256").update(signedBytes(entries, 1700000000)).digest("hex")).toBe(
    "6439ffbf15a8966dadc7e99cd1d9bdda6ad0254570b018995318cf2c46ab944a",
  );
  expect(Buffer.from(comment).toString()).toMatch(
    /^\{"signature":"[A-Za-z0-9+/]+={0,2}","time":1700000000\}$/,
  );
});

test("signPackage() replaces an earlier signature, and keeps the first of entries with one name", async () => {
  const again = await signPackage(await signPackage(tinyPackage(), OPTIONS), {
    ...OPTIONS,
    category: "partner",
  });
  expect((await read(again)).verification).toEqual({ authorized_category: "partner" });
  expect((await entriesOf(again)).filter(({ path }) => path === VERIFICATION)).toHaveLength(1);
  const twice = packZip([...textEntries(TINY), { name: "README.md", data: "second" }]);
  const signed = await signPackage(twice, OPTIONS);
  expect((await entriesOf(signed)).filter(({ path }) => path === "README.md")).toHaveLength(1);
  expect((await read(signed)).verification).not.toBeNull();
});

test("a signed package that is changed is not verified any more", async () => {
  const signed = await signPackage(tinyPackage(), OPTIONS);
  const changed: readonly (readonly [string, (entries: readonly ZipEntry[]) => readonly ZipEntry[]])[] = [
    [
      "another content",
      (all) => all.map((entry) => (entry.name === "README.md" ? { ...entry, data: "ho" } : entry)),
    ],
    [
      "another category",
      (all) =>
        all.map((entry) =>
          entry.name === VERIFICATION ? { ...entry, data: '{"authorized_category":"langgenius"}' } : entry,
        ),
    ],
    ["no category", (all) => all.filter(({ name }) => name !== VERIFICATION)],
    ["an entry more", (all) => [...all, { name: "evil.py", data: "evil" }]],
    ["an entry twice", (all) => [...all, { name: "README.md", data: "hi" }]],
    ["another order", (all) => all.toReversed()],
  ];
  for (const [what, change] of changed)
    expect([what, (await read(await repacked(signed, change))).verification]).toEqual([what, null]);
  expect((await read(await repacked(signed, (all) => all))).verification).not.toBeNull();
  const { comment } = await readArchive(signed, LIMIT);
  const text = Buffer.from(comment).toString();
  for (const comment of [
    text.replace("1700000000", "1700000001"),
    text.replace(/"signature":"(.)/, (_, first) => `"signature":"${first === "A" ? "B" : "A"}`),
    text.replace("1700000000", '"1700000000"'),
    text.slice(1),
    "",
  ])
    expect([
      comment,
      (await read(packZip(await entriesOf(signed).then(rawEntries), { comment }))).verification,
    ]).toEqual([comment, null]);
});

const rawEntries = (files: readonly { path: string; bytes: Uint8Array }[]) =>
  files.map(({ path, bytes }): ZipEntry => ({ name: path, data: bytes }));

test("signPackage() refuses keys that are none, naming them", async () => {
  const sign = (pemText: string) =>
    rejection(signPackage(tinyPackage(), { ...OPTIONS, privateKey: { source: "k.pem", pem: pemText } }));
  for (const [text, reason] of [
    ["", "it has 0 PEM blocks, not one"],
    [PUBLIC_KEY, "its block is -----BEGIN RSA PUBLIC KEY-----"],
    [PRIVATE_KEY.pem + PRIVATE_KEY.pem, "it has 2 PEM blocks, not one"],
    [`${PRIVATE_KEY.pem}x`, "something follows its block"],
    [pair.privateKey.export({ type: "pkcs8", format: "pem" }), "its block is -----BEGIN PRIVATE KEY-----"],
    [PRIVATE_KEY.pem.replace(/\n[A-Za-z0-9+/]/, "\n!"), "Cannot use the private key"],
  ] as const) {
    const error = await sign(text);
    expect(error).toMatchObject({ name: "DaemonError", code: "bad_request" });
    const message = error instanceof Error ? error.message : "";
    expect(message).toStartWith('Cannot use the private key "k.pem": ');
    expect(message).toContain(reason);
  }
  expect(await rejection(signPackage(Buffer.from("no zip"), OPTIONS))).toMatchObject({
    message: "difypkg: not a valid difypkg file",
  });
});
