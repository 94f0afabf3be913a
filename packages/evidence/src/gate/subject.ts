import type { HashOptions } from "../model-signing/hash-files.ts";
import { type HashEvent, hashModel } from "../model-signing/hash-model.ts";
import { assertIgnorable } from "../model-signing/manifest.ts";
import { pathsWithin } from "../model-signing/sign-model.ts";
import { digestOf } from "../statements/statement.ts";
import type { GateSubject } from "./judge.ts";

export interface GateSubjectOptions extends HashOptions {
  /** Where its signature lies, which is no part of it. */
  readonly signaturePath?: string;
  /** Paths from the root of the model that are no part of it. */
  readonly ignorePaths?: readonly string[];
}

/** Hashes a model, which is a file or a folder, for a gate. Throws NOT_READABLE, UNSAFE_PATH. */
export async function* readGateSubject(
  path: string,
  { signaturePath, ignorePaths = [], ...options }: GateSubjectOptions = {},
): AsyncGenerator<HashEvent, GateSubject> {
  for (const each of ignorePaths) assertIgnorable(each);
  const own = await pathsWithin(path, signaturePath === undefined ? [] : [signaturePath]);
  const { resources, files } = yield* hashModel(
    path,
    { method: "files", hash_type: "sha256", allow_symlinks: false, ignore_paths: [...own, ...ignorePaths] },
    options,
  );
  const found = resources.map(({ digest }, index) => {
    const { name, bytes } = files[index]!;
    return { path: name, sha256: digest, size: bytes };
  });
  return { files: found.map(({ path: name, sha256 }) => ({ path: name, sha256 })), root: rootDigestOf(found) };
}

/** SHA-256 over the canonical JSON of the files sorted by path: what a version in a registry is known by. */
export function rootDigestOf(
  files: readonly { readonly path: string; readonly sha256: string; readonly size: number }[],
): string {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  return digestOf(sorted.map(({ path, sha256, size }) => ({ path, sha256, size })));
}
