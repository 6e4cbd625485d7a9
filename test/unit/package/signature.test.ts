import { describe, expect, test } from "bun:test";
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { readArchive } from "../../../src/package/archive.ts";
import { OFFICIAL_PUBLIC_KEY } from "../../../src/package/official-key.ts";
import { readPackage } from "../../../src/package/read-package.ts";
import { loadPublicKeys, signedBytes, verifyArchive } from "../../../src/package/signature.ts";
import { packZip, textEntries, TINY, type ZipEntry } from "../../support/pack.ts";

const LIMIT = { maxUncompressedBytes: 1_000_000 };
const TIME = 1700000000;
// Smaller than real keys, which have 4096 bits and take a second to make.
const ours = generateKeyPairSync("rsa", { modulusLength: 2048 });
const other = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = (key: KeyObject) => key.export({ type: "pkcs1", format: "pem" });
const KEY = pem(ours.publicKey);
const OTHER_KEY = pem(other.publicKey);

async function signed(entries: readonly ZipEntry[], time = TIME): Promise<Uint8Array> {
  const { entries: read } = await readArchive(packZip(entries), LIMIT);
  const signature = sign("sha256", signedBytes(read, time), ours.privateKey).toString("base64");
  return packZip(entries, { comment: JSON.stringify({ signature, time }) });
}
const verify = async (bytes: Uint8Array, keys: readonly string[]) =>
  verifyArchive(await readArchive(bytes, LIMIT), keys);
const category = (name: string): ZipEntry => ({
  name: ".verification.dify.json",
  data: JSON.stringify({ authorized_category: name }),
});
const FILES = textEntries(TINY);

describe("signedBytes()", () => {
  // contract/plugin-package 11, vector 2
  test("hashes contents in archive order, then adds the time", () => {
    const texts = ["", "A\n", "B", '{"authorized_category":"community"}'];
    const bytes = signedBytes(
      texts.map((text) => ({ path: "any", bytes: new TextEncoder().encode(text) })),
      TIME,
    );
    expect(bytes.length).toBe(138);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(
      "6439ffbf15a8966dadc7e99cd1d9bdda6ad0254570b018995318cf2c46ab944a",
    );
  });
});

describe("verifyArchive()", () => {
  test("gives the category that is signed", async () => {
    const bytes = await signed([...FILES, category("community")]);
    expect(await verify(bytes, [KEY])).toEqual({ authorized_category: "community" });
    expect(await verify(bytes, [OTHER_KEY, KEY])).toEqual({ authorized_category: "community" });
  });

  test("without a verification file it is the marketplace's", async () => {
    expect(await verify(await signed(FILES), [KEY])).toEqual({ authorized_category: "langgenius" });
  });

  test("counts an entry that stands twice twice, with the content of the first", async () => {
    const bytes = await signed([...FILES, category("partner"), category("community")]);
    expect(await verify(bytes, [KEY])).toEqual({ authorized_category: "partner" });
  });

  test("is null for another key, no key, or no signature", async () => {
    const bytes = await signed(FILES);
    expect(await verify(bytes, [OTHER_KEY])).toBeNull();
    expect(await verify(bytes, [])).toBeNull();
    expect(await verify(packZip(FILES), [KEY])).toBeNull();
  });

  test("is null when a content, the order or the time changed", async () => {
    const { comment } = await readArchive(await signed(FILES), LIMIT);
    const text = Buffer.from(comment).toString();
    const changed = FILES.map((entry) => (entry.name === "README.md" ? { ...entry, data: "ho" } : entry));
    expect(await verify(packZip(FILES, { comment: text }), [KEY])).not.toBeNull();
    expect(await verify(packZip(changed, { comment: text }), [KEY])).toBeNull();
    expect(await verify(packZip(FILES.toReversed(), { comment: text }), [KEY])).toBeNull();
    const later = text.replace(String(TIME), String(TIME + 1));
    expect(await verify(packZip(FILES, { comment: later }), [KEY])).toBeNull();
  });

  test.each([
    "text",
    "[]",
    "null",
    '{"signature":"AAAA","time":1}',
    '{"signature":5,"time":1}',
    '{"time":1.5}',
  ])("is null for the comment %p", async (comment) => {
    expect(await verify(packZip(FILES, { comment }), [KEY])).toBeNull();
  });

  test("is null when the verification file names no category", async () => {
    const bytes = await signed([...FILES, { name: ".verification.dify.json", data: "{}" }]);
    expect(await verify(bytes, [KEY])).toBeNull();
  });
});

describe("readPackage() with keys", () => {
  test("says in the declaration whether the package is verified", async () => {
    const bytes = await signed([...FILES, category("partner")]);
    const trusted = await readPackage(bytes, { ...LIMIT, publicKeys: [KEY] });
    expect(trusted.verification).toEqual({ authorized_category: "partner" });
    expect(trusted.declaration.verified).toBe(true);
    const unknown = await readPackage(bytes, { ...LIMIT, publicKeys: [OFFICIAL_PUBLIC_KEY] });
    expect(unknown.verification).toBeNull();
    expect(unknown.declaration.verified).toBe(false);
  });

  test("a manifest cannot say so itself", async () => {
    const manifest = `${TINY["manifest.yaml"]}verified: true\n`;
    const bytes = packZip(textEntries({ ...TINY, "manifest.yaml": manifest }));
    const { declaration } = await readPackage(bytes, { ...LIMIT, publicKeys: [KEY] });
    expect(declaration.verified).toBe(false);
  });
});

describe("loadPublicKeys()", () => {
  const load = (text: string) => () => loadPublicKeys([{ source: "/keys/third.pem", pem: text }]);

  test("gives usable keys as they are", () => {
    const keys = [OFFICIAL_PUBLIC_KEY, KEY];
    expect(loadPublicKeys(keys.map((text) => ({ source: "a file", pem: text })))).toEqual(keys);
  });

  test("the official key is the published one", () => {
    const spki = createPublicKey(OFFICIAL_PUBLIC_KEY).export({ type: "spki", format: "der" });
    expect(createHash("sha256").update(spki).digest("hex")).toBe(
      "3b40a6f3c17aa8423053dd26e7f05474365100f266fb7419875226812177d68e",
    );
  });

  test.each([
    ["nothing", "", "it has 0 PEM blocks, not one"],
    ["two keys", KEY + KEY, "it has 2 PEM blocks, not one"],
    [
      "another form of key",
      ours.publicKey.export({ type: "spki", format: "pem" }),
      "its block is -----BEGIN PUBLIC KEY-----, not -----BEGIN RSA PUBLIC KEY-----",
    ],
    ["a private key", pem(ours.privateKey), "its block is -----BEGIN RSA PRIVATE KEY-----"],
    ["something behind the key", `${KEY}more`, "something follows its block"],
    ["a key that is cut", KEY.replace(/\n[^-\n]+\n/, "\n"), ""],
  ])("refuses %s and names the key", (_, text, reason) => {
    expect(load(text)).toThrow(`Cannot use the public key "/keys/third.pem": ${reason}`);
    expect(load(text)).toThrow(expect.objectContaining({ code: "startup" }));
  });
});
