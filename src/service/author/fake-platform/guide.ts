import { ROUTE_PATHS } from "./answers.ts";
import { FAULTS } from "./faults.ts";

const WIDTH = 12;

/** What can be asked of the fake platform, for people. */
export function guideText(url: string): string {
  return [
    "A fake Dify: it answers everything that plugins call back for, always the same way.",
    "",
    `GET ${url}/__log     what it was asked, as JSON`,
    `DELETE ${url}/__log  forgets that`,
    "",
    "Routes below /inner/api/:",
    ...ROUTE_PATHS.map((path) => `  ${path}`),
    "",
    'A model (tool, app id, file name) with one of these names makes it fail, "slow:5000" by another number:',
    ...faultLines(),
    "",
  ].join("\n");
}

/** One line for each fault. */
export function faultLines(): string[] {
  return Object.entries(FAULTS).map(([name, fault]) => {
    const unit = "unit" in fault ? ` ${fault.unit}` : "";
    const number = "number" in fault ? ` (${fault.number}${unit})` : "";
    return `  ${name.padEnd(WIDTH)}${fault.meaning}${number}`;
  });
}
