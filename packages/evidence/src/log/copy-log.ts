import { EvidenceError } from "../errors.ts";
import { parseCheckpoint } from "./checkpoint.ts";
import { readBundle } from "./edge.ts";
import { readerOf, writeDurably } from "./log-files.ts";
import { parseNote } from "./note.ts";
import { readTile } from "./tile-reader.ts";
import { bundleOf, TILE_WIDTH, tilePath, tileWidth } from "./tiles.ts";

const AT_A_TIME = 64; // files, of up to 16 MB

/**
 * Copies a log into another folder, also while it grows: the tree of the checkpoint that is the latest now, and nothing beyond it. Returns
 * its size. Verifies nothing. Throws NOT_READABLE, NOT_WRITABLE, LOG_DAMAGED, MALFORMED.
 */
export async function copyLog(folder: string, target: string): Promise<number> {
  const read = readerOf(folder);
  const checkpoint = await read("checkpoint");
  if (checkpoint === undefined) throw new EvidenceError("NOT_READABLE", `${folder} has no checkpoint: it is not a log`);
  const { size } = parseCheckpoint(parseNote(checkpoint.toString("utf8")).text);
  let files = new Map<string, Uint8Array>();
  const put = async (path: string, bytes: Uint8Array): Promise<void> => {
    files.set(path, bytes);
    if (files.size < AT_A_TIME) return;
    await writeDurably(target, files);
    files = new Map();
  };
  for (let level = 0; TILE_WIDTH ** level <= size; level++) {
    for (let index = 0; tileWidth(level, index, size) > 0; index++) {
      const width = tileWidth(level, index, size);
      await put(tilePath(level, index, width), await readTile(read, level, index, size));
      if (level === 0) await put(tilePath("entries", index, width), bundleOf(await readBundle(read, index, size)));
    }
  }
  await writeDurably(target, files);
  await writeDurably(target, new Map([["checkpoint", checkpoint]]));
  return size;
}
