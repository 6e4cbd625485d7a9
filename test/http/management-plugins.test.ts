import { expect, test } from "bun:test";
import { type Management, packageOf, withManagement } from "./management-support.ts";

const NONE = `gold/none:0.0.1@${"0123456789abcdef".repeat(4)}`;
const NOT_UPLOADED = "plugin package not found, please upload it firstly";

interface Uploaded {
  readonly unique_identifier: string;
  readonly manifest: { readonly icon: string };
}

async function upload(management: Management): Promise<Uploaded> {
  return (await management.uploadForm(await packageOf())).data as Uploaded;
}

test("decode answers the package with its own icon names, by either spelling or a JSON body", () =>
  withManagement(async (management) => {
    const { unique_identifier } = await upload(management);
    const expected = {
      code: 0,
      data: { unique_identifier, manifest: { name: "fake", icon: "icon.svg" }, verification: null },
    };
    const path = "/management/decode/from_identifier";
    for (const name of ["plugin_unique_identifier", "PluginUniqueIdentifier"])
      expect(await management.get(`${path}?${name}=${encodeURIComponent(unique_identifier)}`)).toMatchObject(
        expected,
      );
    const olderClient = {
      method: "GET",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ plugin_unique_identifier: unique_identifier }),
    };
    const request = new Request(management.at(path), olderClient);
    expect(await management.request(request)).toMatchObject(expected);
  }));

test("decode, manifest and identifier of what was never uploaded, malformed or left out", () =>
  withManagement(async (management) => {
    const badRequest = "PluginDaemonBadRequestError";
    for (const [path, query, status, code, message] of [
      ["decode/from_identifier", NONE, 200, -400, NOT_UPLOADED],
      ["fetch/manifest", NONE, 200, -400, "plugin not found"],
      ["decode/from_identifier", "nonsense", 400, -400, "'plugin_unique_identifier' tag"],
      ["fetch/manifest", "a/b", 400, -400, "'plugin_unique_identifier' tag"],
      ["fetch/identifier", "a", 400, -400, "'plugin_unique_identifier' tag"],
      ["decode/from_identifier", "", 400, -400, "'required' tag"],
      ["fetch/manifest", "", 400, -400, "'required' tag"],
      ["fetch/identifier", "", 400, -400, "'required' tag"],
    ] as const) {
      const answer = await management.get(`/management/${path}?plugin_unique_identifier=${query}`);
      expect([path, query, answer.status, answer.code]).toEqual([path, query, status, code]);
      expect(answer.error).toMatchObject({
        message: expect.stringContaining(message),
        error_type: badRequest,
      });
    }
    const unknown = await management.get(`/management/fetch/identifier?plugin_unique_identifier=${NONE}`);
    expect(unknown).toMatchObject({ status: 200, code: 0, data: false });
  }));

test("manifest is there before anybody has installed it", () =>
  withManagement(async (management) => {
    const { unique_identifier, manifest } = await upload(management);
    const query = `?plugin_unique_identifier=${unique_identifier}`;
    expect((await management.get(`/management/fetch/manifest${query}`)).data).toEqual(manifest);
    expect((await management.get(`/management/fetch/identifier${query}`)).data).toBe(false);
  }));

test("lists refuse bad paging and inputs with 400", () =>
  withManagement(async (management) => {
    for (const query of ["", "?page=0&page_size=10", "?page=1&page_size=257", "?page=one&page_size=10"])
      expect((await management.get(`/management/list${query}`)).status).toBe(400);
    expect((await management.get("/management/list?page=1&page_size=256")).data).toEqual({
      list: [],
      total: 0,
    });
    for (const [path, body] of [
      ["fetch/batch", {}],
      ["fetch/batch", { plugin_ids: "x" }],
      ["fetch/batch", { plugin_ids: Array(257).fill("a/b") }],
      ["missing", {}],
      ["missing", { plugin_unique_identifiers: ["x"] }],
    ] as const)
      expect((await management.post(`/management/installation/${path}`, body)).status).toBe(400);
    for (const [path, body] of [
      ["fetch/batch", { plugin_ids: [] }],
      ["missing", { plugin_unique_identifiers: [] }],
    ] as const)
      expect((await management.post(`/management/installation/${path}`, body)).data).toEqual([]);
    expect(
      (await management.post("/management/installation/missing", { plugin_unique_identifiers: [NONE] })).data,
    ).toEqual([{ plugin_unique_identifier: NONE, current_identifier: "" }]);
  }));

test("assets are served to every tenant as they are; what is missing or no id is 404", () =>
  withManagement(async (management) => {
    const { manifest } = await upload(management);
    const answer = await management.get(`/asset/${manifest.icon}`, "any");
    expect([answer.status, answer.type]).toEqual([200, "application/octet-stream"]);
    expect(new TextDecoder().decode(answer.bytes)).toStartWith("<svg");
    for (const id of [
      `${"0".repeat(64)}.svg`,
      "..%2f..%2fplugd.db",
      "x",
      `${manifest.icon}%2f..`,
      manifest.icon.slice(1),
    ])
      expect((await management.get(`/asset/${id}`)).status).toBe(404);
  }));

test("packaged files are served by their name below _assets", () =>
  withManagement(async (management) => {
    const { unique_identifier } = await upload(management);
    const get = (file: string, identifier = unique_identifier) =>
      management.get(`/extract-asset/?plugin_unique_identifier=${identifier}&file_path=${file}`);
    const answer = await get("icon.svg");
    expect([answer.status, answer.type]).toEqual([200, "application/octet-stream"]);
    expect(new TextDecoder().decode(answer.bytes)).toStartWith("<svg");
    for (const file of ["none.svg", "_assets/icon.svg", "../manifest.yaml"])
      expect((await get(file)).status).toBe(404);
    expect(await get("icon.svg", NONE)).toMatchObject({
      status: 500,
      code: -500,
      error: { message: NOT_UPLOADED, error_type: "PluginDaemonInternalServerError" },
    });
    expect((await get("")).status).toBe(400);
    expect((await get("icon.svg", "nonsense")).status).toBe(400);
  }));
