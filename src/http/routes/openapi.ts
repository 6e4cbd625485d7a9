import { Elysia } from "elysia";
import type { Document } from "../openapi/document.ts";
import { type Operations, PUBLIC } from "../openapi/operation.ts";
import { renderPage } from "../openapi/page.ts";

/** What these routes tell about themselves. */
export const OPENAPI_OPERATIONS: Operations = {
  "GET /openapi.json": {
    operationId: "readOpenApi",
    summary: "This document",
    tags: ["System"],
    responses: {
      "200": { description: "OpenAPI 3.1", content: { "application/json": { schema: { type: "object" } } } },
    },
  },
  "GET /docs": {
    operationId: "readDocs",
    summary: "This document as a page, without scripts and without anything from elsewhere",
    tags: ["System"],
    responses: { "200": { description: "HTML", content: { "text/html": { schema: { type: "string" } } } } },
  },
};

/** The same, where the operator opened them to everybody. */
export const OPEN_OPENAPI_OPERATIONS: Operations = Object.fromEntries(
  Object.entries(OPENAPI_OPERATIONS).map(([route, operation]) => [route, { ...operation, ...PUBLIC }]),
);

const PAGE_HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
};

/** The document of all routes and its page; made when somebody first asks. */
export function openApiRoutes({ document }: { readonly document: () => Document }) {
  let made: { readonly json: string; readonly page: string } | undefined;
  const make = () => {
    if (made) return made;
    const value = document();
    return (made = { json: JSON.stringify(value), page: renderPage(value) });
  };
  return new Elysia({ name: "openapi" })
    .get(
      "/openapi.json",
      () => new Response(make().json, { headers: { "content-type": "application/json" } }),
    )
    .get("/docs", () => new Response(make().page, { headers: PAGE_HEADERS }));
}
