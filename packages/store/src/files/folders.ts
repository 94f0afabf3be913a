import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";

/** Makes folders on an absolute path, each on the disk afterwards: the new ones, and the one that they were made in. */
export async function makeFolders(path: string, mode = 0o777): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode });
  if (first === undefined) return;
  for (let each = path; each.length >= first.length; each = dirname(each)) await flushFolder(each);
  await flushFolder(dirname(first));
}

/** On Linux a name is on the disk once its folder is flushed; Windows has no such thing. */
export async function flushFolder(path: string): Promise<void> {
  if (process.platform !== "win32") await flush(path);
}

/** What was written to the file is on the disk afterwards. */
export async function flush(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
