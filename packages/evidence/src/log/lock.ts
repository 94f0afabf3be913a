import { randomUUID } from "node:crypto";
import { link, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EvidenceError } from "../errors.ts";

/**
 * Keeps other processes from writing to a folder until the returned function is called. What a process that is gone has left is
 * taken over. Throws IN_USE.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, "lock");
  for (let attempt = 0; ; attempt++) {
    const own = `${path}.${randomUUID()}`;
    try {
      await writeFile(own, await identityOf(process.pid));
      await link(own, path); // there whole or not at all, and not over another's
      return async () => await rm(path, { force: true });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST")
        throw new EvidenceError(
          "NOT_WRITABLE",
          `cannot write ${path}: ${cause instanceof Error ? cause.message : cause}`,
          { cause },
        );
    } finally {
      await rm(own, { force: true });
    }
    const holder = await readFile(path, "utf8").catch(() => "");
    if (attempt > 0 || (holder !== "" && (await isAlive(holder))))
      throw new EvidenceError("IN_USE", `${folder} is written by process ${holder.split(" ")[0]}`);
    await rm(path, { force: true });
  }
}

/** Its number and, where Linux tells it, when it started: numbers are used again. */
async function identityOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return `${pid} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? ""}`;
}

async function isAlive(holder: string): Promise<boolean> {
  const pid = Number(holder.split(" ")[0]);
  try {
    process.kill(pid, 0);
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "EPERM";
  }
  return (await identityOf(pid)) === holder;
}
