import { queryInteger } from "./field-checks.ts";

/** Paging of the management lists (contract/http-api 1.13). */
export const PAGE_FIELDS = {
  page: queryInteger("page", { min: 1 }),
  pageSize: queryInteger("page_size", { min: 1, max: 256 }),
};

export function pageOf({ page, pageSize }: { readonly page: number; readonly pageSize: number }): {
  readonly offset: number;
  readonly limit: number;
} {
  return { offset: (page - 1) * pageSize, limit: pageSize };
}
