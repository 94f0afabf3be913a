import { randomUUID } from "node:crypto";
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EvidenceError } from "../errors.ts";

/** The right to write to a folder. */
export interface FolderLock {
  /** Throws IN_USE where somebody has taken it away, such as by deleting the file. */
  assertHeld(): Promise<void>;
  release(): Promise<void>;
}

/** Keeps other processes from writing to a folder. What a process that is gone has left is taken over. Throws IN_USE, NOT_WRITABLE. */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const path = join(folder, "lock");
  const identity = `${await processOf(process.pid)} ${randomUUID()}`;
  const isHeld = async (): Promise<boolean> => (await contentOf(path)) === identity;
  if (!(await put(path, identity))) {
    const holder = (await contentOf(path)) ?? "";
    const inUse = new EvidenceError("IN_USE", `${folder} is written by process ${holder.split(" ")[0]}`);
    if (await isAlive(holder)) throw inUse;
    await takeAway(path, holder);
    if (!(await put(path, identity))) throw inUse;
  }
  return {
    async assertHeld() {
      if (!(await isHeld())) throw new EvidenceError("IN_USE", `${path} is not this process's any more`);
    },
    async release() {
      if (await isHeld()) await rm(path, { force: true });
    },
  };
}

/** Whether the file is there now with this content, where nothing was before: whole or not at all. */
async function put(path: string, content: string): Promise<boolean> {
  const own = `${path}.${randomUUID()}`;
  try {
    await writeFile(own, content);
    await link(own, path);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw new EvidenceError("NOT_WRITABLE", `cannot write ${path}: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  } finally {
    await rm(own, { force: true });
  }
}

/** Removes a lock that nobody holds; one that somebody has put there in the meantime goes back to its place. */
async function takeAway(path: string, stale: string): Promise<void> {
  const aside = `${path}.${randomUUID()}`;
  try {
    await rename(path, aside);
    if ((await contentOf(aside)) !== stale) await link(aside, path);
  } catch (error) {
    if (!["ENOENT", "EEXIST"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

/** Its number and, where Linux tells it, when it started: numbers are used again. */
async function processOf(pid: number): Promise<string> {
  const stat = (await contentOf(`/proc/${pid}/stat`)) ?? "";
  return `${pid} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] || "?"}`;
}

async function isAlive(holder: string): Promise<boolean> {
  const [pid = "", started] = holder.split(" ");
  if (!/^[1-9]\d*$/.test(pid)) return false; // cut off by a crash of the machine
  try {
    process.kill(Number(pid), 0);
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "EPERM";
  }
  return (await processOf(Number(pid))) === `${pid} ${started}`;
}

async function contentOf(path: string): Promise<string | undefined> {
  return await readFile(path, "utf8").catch(() => undefined);
}
