import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { EvidenceError } from "../errors.ts";
import { notReadable } from "../read-file.ts";
import type { ReadPath } from "./tile-reader.ts";
import { MAXIMUM_ENTRY, TILE_WIDTH, tilePath, tileWidth } from "./tiles.ts";

const LARGEST = TILE_WIDTH * (MAXIMUM_ENTRY + 2); // bytes, of a bundle of entries
const AT_A_TIME = 16;

/** Reads the files of a log by their paths. Throws NOT_READABLE, MALFORMED for one that is larger than any can be. */
export function readerOf(folder: string): ReadPath {
  return async (path) => await readIfThere(join(folder, path), LARGEST);
}

/** A file of at most `most` bytes whole, or undefined where there is none. Throws NOT_READABLE, MALFORMED. */
export async function readIfThere(path: string, most: number): Promise<Buffer | undefined> {
  try {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      if (size > most) throw new EvidenceError("MALFORMED", `${path}: expected at most ${most} bytes, got ${size}`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (["ENOENT", "ENOTDIR"].includes((cause as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw cause instanceof EvidenceError ? cause : notReadable(path, cause);
  }
}

/** Files by temporary name, flushed, renamed, their folders flushed: all of it is on the disk afterwards. Throws NOT_WRITABLE. */
export async function writeDurably(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const folders = new Set<string>();
  try {
    const list = [...files];
    for (const [path] of list) {
      const place = dirname(join(folder, path));
      const made = await mkdir(place, { recursive: true });
      for (let each = place; made !== undefined && each.length >= dirname(made).length; each = dirname(each))
        folders.add(each);
      folders.add(place);
    }
    for (let start = 0; start < list.length; start += AT_A_TIME)
      await allOf(list.slice(start, start + AT_A_TIME).map(([path, bytes]) => writeFlushed(join(folder, path), bytes)));
    if (process.platform !== "win32") await allOf([...folders].map(flushFolder)); // which Windows cannot
  } catch (cause) {
    throw new EvidenceError(
      "NOT_WRITABLE",
      `cannot write the log in ${folder}: ${cause instanceof Error ? cause.message : cause}`,
      { cause },
    );
  }
}

/** Removes what an append that was cut off has left beyond `size`: a server must never give out a tile that changes later. */
export async function removeBeyond(folder: string, size: number): Promise<void> {
  const levels = (await namesIn(join(folder, "tile"))).filter((name) => /^(entries|\d)$/.test(name));
  for (const name of levels) {
    const level = name === "entries" ? name : Number(name);
    const height = level === "entries" ? 0 : level;
    const edge = Math.floor(Math.floor(size / TILE_WIDTH ** height) / TILE_WIDTH);
    const width = tileWidth(height, edge, size);
    let missing = 0;
    for (let index = edge; missing < GAP; index++) {
      const path = join(folder, tilePath(level, index));
      const parts = await namesIn(`${path}.p`);
      const beyond = parts.filter((part) => !/^\d+$/.test(part) || index > edge || Number(part) > width);
      const before = await namesIn(dirname(path));
      const whole = before.filter((each) => [path, `${path}.new`].includes(join(dirname(path), each)));
      missing = parts.length === 0 && whole.length === 0 ? missing + 1 : 0;
      for (const each of whole) await rm(join(dirname(path), each), { force: true });
      for (const part of beyond) await rm(join(`${path}.p`, part), { force: true });
    }
  }
}

/** Files are written in order, some at a time: behind so many that are not there, there is none. */
const GAP = 4 * AT_A_TIME;

async function writeFlushed(place: string, bytes: Uint8Array): Promise<void> {
  const file = await open(`${place}.new`, "w");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${place}.new`, place);
}

async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  await folder.sync().finally(() => folder.close());
}

/** All of them, also where one fails: nothing is written behind the caller's back afterwards. */
async function allOf(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
