import { randomInt, randomUUID } from "node:crypto";
import { access, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { EvidenceError } from "../errors.ts";

/** The right to write to a folder. */
export interface FolderLock {
  /** Throws IN_USE where somebody has taken it away by deleting its file. */
  assertHeld(): Promise<void>;
  release(): Promise<void>;
}

const ATTEMPTS = 5;
const LONGEST_PAUSE = 40; // milliseconds

/**
 * Keeps other processes of this machine from writing to a folder; what one that is gone has left is removed. Throws IN_USE, NOT_WRITABLE.
 *
 * Each process puts down a claim under a name that is never used again, and only then looks for others: of two at the same time at least one
 * sees the other and steps back. To remove a claim of the dead is safe for the same reason: no living process can have put it there.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const claim = `lock.${await processOf(process.pid)}.${randomUUID()}`;
  const path = join(folder, claim);
  for (let attempt = 1; ; attempt++) {
    await writeFile(path, "", { flag: "wx" }).catch((cause) => {
      throw new EvidenceError("NOT_WRITABLE", `cannot write ${path}: ${cause.message}`, { cause });
    });
    const holder = await otherIn(folder, claim);
    if (holder === undefined) break;
    await rm(path, { force: true });
    if (attempt === ATTEMPTS) throw new EvidenceError("IN_USE", `${folder} is written by process ${holder}`);
    await setTimeout(randomInt(1, LONGEST_PAUSE)); // both may have stepped back
  }
  return {
    async assertHeld() {
      await access(path).catch((cause) => {
        throw new EvidenceError("IN_USE", `${folder} is not this process's to write any more`, { cause });
      });
    },
    async release() {
      await rm(path, { force: true });
    },
  };
}

/** The number of another process that claims the folder, if one does that lives. */
async function otherIn(folder: string, own: string): Promise<string | undefined> {
  for (const name of await readdir(folder)) {
    const [, holder, pid] = /^lock\.((\d+)\.(?:\d+|unknown))\.[^.]+$/.exec(name) ?? [];
    if (name === own || holder === undefined || pid === undefined) continue;
    if (await isAlive(Number(pid), holder)) return pid;
    await rm(join(folder, name), { force: true });
  }
  return undefined;
}

/** Its number and, where Linux tells it, when it started: numbers are used again. */
async function processOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return `${pid}.${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] || "unknown"}`;
}

async function isAlive(pid: number, holder: string): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "EPERM";
  }
  return (await processOf(pid)) === holder;
}
