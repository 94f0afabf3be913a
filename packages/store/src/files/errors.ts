import { StoreError } from "../errors.ts";

/** A store's error for one of the file system's; anything else stays as it is. */
export function storeErrorOf(cause: unknown, folder: string): unknown {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG")
    return new StoreError("FULL", `no room left in ${folder}`, { cause });
  if (["EACCES", "EPERM", "EROFS", "EIO", "ENOTDIR"].includes(code ?? ""))
    return new StoreError("UNREACHABLE", `cannot use ${folder}: ${message}`, { cause });
  return cause;
}
