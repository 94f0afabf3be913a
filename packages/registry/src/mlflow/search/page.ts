import { RegistryError } from "../../errors.ts";

/** Where a page begins, from a token that `pageTokenAt` made: opaque to clients. Throws INVALID for anything else. */
export function offsetOf(token: string | undefined): number {
  if (token === undefined || token === "") return 0;
  try {
    if (token.length > 100 || !/^[A-Za-z0-9+/]+={0,2}$/.test(token)) throw new SyntaxError("not base64");
    const { offset } = JSON.parse(Buffer.from(token, "base64").toString("utf8"));
    if (!Number.isSafeInteger(offset) || offset < 0) throw new SyntaxError("no offset");
    return offset;
  } catch {
    throw new RegistryError("INVALID", `Invalid page token ${JSON.stringify(token.slice(0, 100))}`);
  }
}

/** The token of the page that begins at an offset. */
export function pageTokenAt(offset: number): string {
  return Buffer.from(JSON.stringify({ offset })).toString("base64");
}

/** One page of rows of which one more than `limit` was asked for. */
export function pageOf<T>(
  rows: readonly T[],
  limit: number,
  offset: number,
): { readonly page: readonly T[]; readonly next?: { readonly next_page_token: string } } {
  if (rows.length <= limit) return { page: rows };
  return { page: rows.slice(0, limit), next: { next_page_token: pageTokenAt(offset + limit) } };
}
