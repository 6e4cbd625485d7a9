import type { Step } from "./scenario.ts";

/** The checksum of no package. */
const NO_CHECKSUM = "0123456789abcdef".repeat(4);
/** Of a plugin that was never uploaded. */
export const UNKNOWN_IDENTIFIER = `gold/none:0.0.1@${NO_CHECKSUM}`;
/** Of a plugin that exists, with another checksum. */
export const WRONG_CHECKSUM_IDENTIFIER = `gold/wire:0.0.1@${NO_CHECKSUM}`;

const MANAGEMENT = "/plugin/{{tenant}}/management";

/** Every scenario has a tenant of its own, so that none sees what another one left. */
export function tenantOf(scenario: number): string {
  return `00000000-0000-4000-8000-${String(scenario).padStart(12, "0")}`;
}

/** Uploads a package; `{{id}}` is its identifier afterwards. */
export function uploadStep(file: string, id: string): Step {
  return {
    name: `upload ${file}`,
    setup: true,
    path: `${MANAGEMENT}/install/upload/package`,
    body: { upload: { field: "dify_pkg", name: file, fields: { verify_signature: "false" } } },
    capture: { [id]: "json.data.unique_identifier" },
  };
}

/** Uploads and installs a package; `{{id}}` is its identifier afterwards, `{{id_inst}}` the installation's id. */
export function installSteps(file: string, id: string): Step[] {
  return [
    uploadStep(file, id),
    {
      name: `install ${file}`,
      setup: true,
      path: `${MANAGEMENT}/install/identifiers`,
      body: { json: { plugin_unique_identifiers: [`{{${id}}}`], source: "package", metas: [{}] } },
      capture: { [`${id}_task`]: "json.data.task_id" },
    },
    {
      name: `wait for ${file}`,
      setup: true,
      path: `${MANAGEMENT}/install/tasks/{{${id}_task}}`,
      until: { path: "json.data.status", oneOf: ["success"], never: ["failed"], withinMs: 120_000 },
    },
    {
      name: `row of ${file}`,
      setup: true,
      path: `${MANAGEMENT}/list?page=1&page_size=100`,
      capture: { [`${id}_inst`]: "json.data.list.0.id" },
    },
  ];
}

/** Takes away what `installSteps` installed under this id. */
export function uninstallStep(id: string): Step {
  return {
    name: `uninstall ${id}`,
    setup: true,
    path: `${MANAGEMENT}/uninstall`,
    body: { json: { plugin_installation_id: `{{${id}_inst}}` } },
  };
}

/** What a call says about itself besides its `data`, and how its answer is compared. */
export interface CallOptions extends Partial<Omit<Step, "name" | "path" | "body">> {
  readonly envelope?: object;
}

/** A maker of dispatch calls to one plugin; `data` is what the action asks for. */
export function callsOf(plugin: string) {
  return (name: string, path: string, data: object, options: CallOptions = {}): Step => {
    const { envelope, ...rest } = options;
    const json = { user_id: "user-1", ...envelope, data };
    return { name, path: `/plugin/{{tenant}}/dispatch${path}`, plugin, body: { json }, ...rest };
  };
}

export function hexOf(text: string): string {
  return Buffer.from(text).toString("hex");
}
