import { StoreError } from "../errors.ts";

/** Classes of SQLSTATE: 08 connection, 53 resources, 57 operator intervention; 25P03 is a transaction left open too long. */
const GONE = /^(08|53|57|25P03)/;
const NO_CONNECTION = /^(ECONN|EPIPE|ENOTFOUND|ENOENT|EAI_|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)/;

/** A store's error for one of PostgreSQL's or its connection's; what is about the statement itself stays as it is. */
export function storeErrorOf(cause: unknown): unknown {
  const { code = "", message = "" } = cause as { code?: string; message?: string };
  if (code === "53100") return new StoreError("FULL", "no room left on the database's disk", { cause });
  if (
    GONE.test(code) ||
    NO_CONNECTION.test(code) ||
    /Connection terminated|timeout exceeded|is not queryable/.test(message)
  )
    return new StoreError("UNREACHABLE", `the database cannot be reached: ${message}`, { cause });
  return cause;
}
