import { lstatSync } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { EvidenceError } from "../errors.ts";
import { notReadable } from "../read-file.ts";

/** A regular file of a model. */
export interface ModelFile {
  /** From the root of the model, with "/" between its parts; of a model that is one file, its own name. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
}

export interface ModelFiles {
  /** Of the folder or file. */
  readonly name: string;
  readonly isFolder: boolean;
  readonly files: readonly ModelFile[];
  /** Symbolic links that lead out of the model or in circles, where links are followed. */
  readonly warnings: readonly string[];
}

export interface ListOptions {
  /** Paths from the root of the model, exact; a folder stands for all that is in it. */
  readonly ignorePaths?: readonly string[];
  readonly allowSymlinks?: boolean;
}

/** What is never part of a model: the traces of its version control, at its root. */
export const alwaysIgnored = [".git", ".gitattributes", ".github", ".gitignore"] as const;

const MAXIMUM_FILES = 1_000_000;
const MAXIMUM_DEPTH = 256;
const FILES_BETWEEN_TURNS = 256;

/**
 * All regular files of a model, which is a folder or a file. Throws NOT_READABLE, and UNSAFE_PATH for symbolic links that are not
 * allowed, names that are no UTF-8, and whatever is neither file nor folder.
 */
export async function listFiles(
  root: string,
  { ignorePaths = [], allowSymlinks = false }: ListOptions = {},
): Promise<ModelFiles> {
  const real = await realpath(root).catch((cause) => {
    throw notReadable(root, cause);
  });
  const name = basename(real);
  const { isFile, bytes } = await lookAt(real, real, true);
  if (isFile) return { name, isFolder: false, files: [{ name, path: real, bytes }], warnings: [] };
  const ignored = new Set<string>([...alwaysIgnored, ...ignorePaths]);
  const files: ModelFile[] = [];
  const warnings: string[] = [];
  const walk = async (folder: string, prefix: string, above: readonly string[]): Promise<void> => {
    if (above.length > MAXIMUM_DEPTH)
      throw new EvidenceError("UNSAFE_PATH", `${folder}: folders lie deeper than ${MAXIMUM_DEPTH}`);
    for (const [index, part] of (await namesIn(folder)).entries()) {
      if (index % FILES_BETWEEN_TURNS === 0) await setImmediate();
      const name = `${prefix}${part}`;
      if (ignored.has(name)) continue;
      const path = join(folder, part);
      const entry = await lookAt(path, name, allowSymlinks);
      if (entry.isLink && !isWithin(real, entry.real))
        warnings.push(`${name} is a symbolic link that leads out of the model`);
      if (entry.isFile) files.push({ name, path, bytes: entry.bytes });
      else if (above.includes(entry.real))
        warnings.push(`${name} is a symbolic link that leads in a circle; it was left out`);
      else await walk(path, `${name}/`, [...above, entry.real]);
      if (files.length > MAXIMUM_FILES)
        throw new EvidenceError("UNSAFE_PATH", `${root}: has more than ${MAXIMUM_FILES} files`);
    }
  };
  await walk(real, "", [real]);
  return { name, isFolder: true, files, warnings };
}

interface Entry {
  readonly isFile: boolean;
  readonly isLink: boolean;
  readonly bytes: number;
  /** Where links lead to; empty for a file that is none. */
  readonly real: string;
}

async function lookAt(path: string, name: string, allowSymlinks: boolean): Promise<Entry> {
  try {
    const own = lstatSync(path); // by far quicker than the asynchronous one; `walk` lets others have their turn
    const isLink = own.isSymbolicLink();
    if (isLink && !allowSymlinks) {
      throw new EvidenceError("UNSAFE_PATH", `${name}: is a symbolic link, and those are not allowed`);
    }
    const meant = isLink ? await stat(path) : own;
    if (!meant.isFile() && !meant.isDirectory()) {
      throw new EvidenceError("UNSAFE_PATH", `${name}: expected a file or folder, got a device, pipe or socket`);
    }
    const real = isLink || meant.isDirectory() ? await realpath(path) : "";
    return { isFile: meant.isFile(), isLink, bytes: meant.size, real };
  } catch (cause) {
    throw cause instanceof EvidenceError ? cause : notReadable(path, cause);
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder, { encoding: "buffer" }).catch((cause) => {
    throw notReadable(folder, cause);
  });
  return names.map((bytes) => {
    const name = bytes.toString("utf8");
    if (Buffer.from(name).equals(bytes)) return name;
    throw new EvidenceError("UNSAFE_PATH", `${folder}: a name in it is no UTF-8: ${bytes.toString("latin1")}`);
  });
}

function isWithin(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}
