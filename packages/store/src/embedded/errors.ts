import { StoreError } from "../errors.ts";

/** A store's error for one of SQLite's; what is about the statement itself stays as it is. */
export function storeErrorOf(cause: unknown, path: string): unknown {
  const { code = "", message = "" } = cause as { code?: string; message?: string };
  if (/SQLITE_FULL/.test(code) || /disk is full/.test(message))
    return new StoreError("FULL", `no room left for ${path}`, { cause });
  if (/SQLITE_(CORRUPT|NOTADB)/.test(code) || /malformed|not a database/.test(message))
    return new StoreError("CORRUPT", `${path} is damaged, or not a database: ${message}`, { cause });
  if (/SQLITE_(CANTOPEN|IOERR|READONLY|BUSY|LOCKED)/.test(code) || /unable to open/i.test(message))
    return new StoreError("UNREACHABLE", `cannot use ${path}: ${message}`, { cause });
  return cause;
}
