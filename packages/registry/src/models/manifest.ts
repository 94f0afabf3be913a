import { RegistryError } from "../errors.ts";

/** One file of a version: where it stands, with `/` between folders, and what it holds. */
export interface ManifestFile {
  readonly path: string;
  readonly sha256: string;
  readonly size: number;
}

const MAXIMUM_FILES = 100_000;

/**
 * Files sorted by path, all of them checked: relative paths that leave no folder and mean the same on every system, none twice,
 * none that is a folder of another. Throws INVALID with the path.
 */
export function manifestOf(files: readonly ManifestFile[]): readonly ManifestFile[] {
  if (files.length === 0) throw new RegistryError("INVALID", "files: a version has at least one");
  if (files.length > MAXIMUM_FILES)
    throw new RegistryError("INVALID", `files: expected at most ${MAXIMUM_FILES}, got ${files.length}`);
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const seen = new Map<string, string>();
  for (const { path, sha256, size } of sorted) {
    checkPath(path);
    if (!/^[0-9a-f]{64}$/.test(sha256))
      throw new RegistryError(
        "INVALID",
        `files: ${path}: expected a SHA-256 of 64 lower-case digits, got ${JSON.stringify(sha256)}`,
      );
    if (!Number.isSafeInteger(size) || size < 0)
      throw new RegistryError("INVALID", `files: ${path}: expected a size in bytes, got ${size}`);
    const key = path.normalize("NFC").toLowerCase();
    if (seen.has(key))
      throw new RegistryError("INVALID", `files: ${path} and ${seen.get(key)} are one file on some systems`);
    seen.set(key, path);
  }
  for (const key of seen.keys()) {
    for (let end = key.lastIndexOf("/"); end > 0; end = key.lastIndexOf("/", end - 1)) {
      const folder = seen.get(key.slice(0, end));
      if (folder !== undefined) throw new RegistryError("INVALID", `files: ${folder} is both a file and a folder`);
    }
  }
  return sorted;
}

/** Throws INVALID unless a path is relative, clean and plain: nothing that a URL, a shell or another system reads differently. */
export function checkPath(path: string): void {
  const parts = path.split("/");
  const isPlain =
    path.length > 0 &&
    Buffer.byteLength(path) <= 1024 &&
    parts.every((part) => part !== "" && part !== "." && part !== ".." && !part.endsWith(" ") && !part.endsWith(".")) &&
    !FORBIDDEN.test(path) &&
    !/\p{Surrogate}/u.test(path);
  if (!isPlain)
    throw new RegistryError(
      "INVALID",
      `path: expected a relative path without "..", "\\", ":", "%", "#", "?" or control characters, got ${JSON.stringify(path.slice(0, 200))}`,
    );
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const FORBIDDEN = /[\u0000-\u001f\u007f\\:%#?*"<>|]/;
