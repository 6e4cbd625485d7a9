import type { Document } from "./document.ts";
import type { Operation, Parameter } from "./operation.ts";

/**
 * The document as one HTML page without scripts and without anything from elsewhere: it reads the same on a machine
 * that is cut off, and a strict content policy can stand on it.
 */
export function renderPage(document: Document): string {
  const groups = new Map<string, string[]>();
  for (const [path, methods] of Object.entries(document.paths))
    for (const [method, value] of Object.entries(methods)) {
      if (!isOperation(value)) continue;
      const [tag] = value.tags;
      groups.set(tag, [...(groups.get(tag) ?? []), renderOperation({ method, path, operation: value })]);
    }
  const contents = [...groups.keys()]
    .map((tag) => `<li><a href="#${slug(tag)}">${escape(tag)}</a></li>`)
    .join("");
  const sections = [...groups].map(
    ([tag, operations]) =>
      `<section id="${slug(tag)}"><h2>${escape(tag)}</h2>${operations.join("")}</section>`,
  );
  const shapes = Object.entries(document.components.schemas).map(
    ([name, schema]) =>
      `<details id="shape-${slug(name)}"><summary><code>${escape(name)}</code></summary>${json(schema)}</details>`,
  );
  const { title, version, description } = document.info;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)} ${escape(version)}: HTTP API</title><style>${STYLE}</style></head>
<body><nav><h1>${escape(title)}</h1><p>${escape(version)} · <a href="/openapi.json">openapi.json</a></p><ul>${contents}<li><a href="#shapes">Shapes</a></li></ul></nav>
<main><p>${escape(description)}</p>${sections.join("\n")}<section id="shapes"><h2>Shapes</h2>${shapes.join("")}</section></main></body></html>
`;
}

function renderOperation(options: {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}) {
  const { method, path, operation } = options;
  const body = operation.requestBody?.content ?? {};
  const parts = [
    operation.description === undefined ? "" : `<p>${escape(operation.description)}</p>`,
    renderParameters(operation.parameters ?? []),
    ...Object.entries(body).map(
      ([type, { schema }]) => `<h4>Body <code>${escape(type)}</code></h4>${json(schema)}`,
    ),
    ...Object.entries(operation.responses).map(([status, answer]) => {
      const content = Object.entries(answer.content ?? {})
        .map(([type, { schema }]) => `<p><code>${escape(type)}</code></p>${json(schema)}`)
        .join("");
      return `<h4>${escape(status)} ${escape(answer.description)}</h4>${content}`;
    }),
  ];
  return `<details id="${slug(operation.operationId)}"><summary><b class="${method}">${method.toUpperCase()}</b> <code>${escape(path)}</code> <span>${escape(operation.summary)}</span></summary>${parts.join("")}</details>`;
}

function renderParameters(parameters: readonly Parameter[]): string {
  if (parameters.length === 0) return "";
  const rows = parameters.map(
    (parameter) =>
      `<tr><td><code>${escape(parameter.name)}</code></td><td>${parameter.in}</td><td>${parameter.required ? "required" : ""}</td><td><code>${escape(JSON.stringify(parameter.schema))}</code></td><td>${escape(parameter.description ?? "")}</td></tr>`,
  );
  return `<table><tbody>${rows.join("")}</tbody></table>`;
}

function json(schema: unknown): string {
  return `<pre>${escape(JSON.stringify(schema, undefined, 2))}</pre>`;
}

function isOperation(value: unknown): value is Operation {
  return typeof value === "object" && value !== null && "operationId" in value;
}

function slug(text: string): string {
  return text.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
}

function escape(text: string): string {
  return Bun.escapeHTML(text);
}

const STYLE = `
:root{color-scheme:light dark;--line:color-mix(in srgb,currentColor 18%,transparent);--soft:color-mix(in srgb,currentColor 6%,transparent)}
*{box-sizing:border-box}body{margin:0;font:15px/1.5 system-ui,sans-serif;display:grid;grid-template-columns:16rem 1fr}
nav{padding:1.5rem;border-right:1px solid var(--line);position:sticky;top:0;height:100vh;overflow:auto}nav ul{padding-left:1rem}
main{padding:1.5rem 2rem;min-width:0;max-width:70rem}h1{margin:0}h2{margin:2rem 0 .5rem}h4{margin:1rem 0 .3rem}
details{border:1px solid var(--line);border-radius:6px;margin:.4rem 0;padding:.4rem .8rem}summary{cursor:pointer;display:flex;gap:.8rem;align-items:baseline;flex-wrap:wrap}
summary span{opacity:.7}b{min-width:4.2rem}b.get{color:#0a7}b.post{color:#06c}b.delete{color:#c33}
pre{background:var(--soft);padding:.7rem;border-radius:6px;overflow:auto;max-height:24rem;font-size:13px}code{font-size:.92em}
table{border-collapse:collapse;margin:.6rem 0;display:block;overflow:auto}td{border-top:1px solid var(--line);padding:.25rem .8rem .25rem 0;vertical-align:top}
@media(max-width:50rem){body{grid-template-columns:1fr}nav{position:static;height:auto;border:0}}`;
