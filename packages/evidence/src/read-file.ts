import { open } from "node:fs/promises";
import { EvidenceError } from "./errors.ts";

/** A small file whole, in one read of at most `most` bytes. Throws NOT_READABLE; MALFORMED where it is larger. */
export async function readSmallFile(path: string, most: number): Promise<Buffer> {
  const file = await open(path, "r").catch((cause) => {
    throw notReadable(path, cause);
  });
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(most + 1), 0, most + 1, 0).catch((cause) => {
      throw notReadable(path, cause);
    });
    if (bytesRead > most) throw new EvidenceError("MALFORMED", `${path}: expected at most ${most} bytes`);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The error for a file or folder that cannot be read, with the system's reason. */
export function notReadable(path: string, cause: unknown): EvidenceError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new EvidenceError("NOT_READABLE", `cannot read ${path}: ${reason}`, { cause });
}
