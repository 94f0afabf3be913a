import { createHash } from "node:crypto";
import { dirname, join, relative, sep } from "node:path";
import Type, { type Static } from "typebox";
import { ScanError } from "../errors.ts";
import { digestOf } from "../sources/digest.ts";
import { openFile } from "../sources/file-source.ts";
import { version } from "../version.ts";
import { walk } from "../walk.ts";
import { describeFile } from "./describe-file.ts";

const Sha256 = Type.String({ pattern: "^[0-9a-f]{64}$" });

/** What a data set is: its files with their digests, what is in them, and where it comes from. */
export const DataManifest = Type.Object({
  schema: Type.Literal("casemate-data/1"),
  name: Type.String(),
  tool: Type.Object({ name: Type.String(), version: Type.String() }),
  createdAt: Type.String(),
  source: Type.Optional(Type.String({ description: "Where it comes from: an address, a system, a person." })),
  licence: Type.Optional(Type.String()),
  /** Of the list of paths and digests below, so that one number stands for all. */
  digest: Sha256,
  files: Type.Array(
    Type.Object({
      path: Type.String({ description: "From the data set's folder, with forward slashes." }),
      bytes: Type.Integer({ minimum: 0 }),
      sha256: Sha256,
      rows: Type.Optional(Type.Integer({ minimum: 0 })),
      columns: Type.Optional(Type.Array(Type.Object({ name: Type.String(), type: Type.String() }))),
    }),
  ),
});
export type DataManifest = Static<typeof DataManifest>;

export interface ManifestOptions {
  readonly name: string;
  readonly source?: string;
  readonly licence?: string;
  readonly signal?: AbortSignal;
  readonly onFile?: (path: string, done: number, total: number) => void;
}

/** Writes down a data set that is a file or a folder. Throws UNREADABLE, and MALFORMED for a link out of the folder or a device. */
export function manifestOf(path: string, { name, source, licence, signal, onFile }: ManifestOptions): DataManifest {
  const items = walk(path);
  const odd = items.find((item) => item.type === "finding");
  if (odd?.type === "finding")
    throw new ScanError("MALFORMED", `${odd.path}: ${odd.finding.rule.title.toLowerCase()}, ${odd.finding.evidence}`);
  const paths = items.flatMap((item) => (item.type === "file" ? [item.path] : []));
  const root = paths.length === 1 && paths[0] === path ? dirname(path) : path;
  const files = paths.map((file, index) => {
    signal?.throwIfAborted();
    onFile?.(file, index, paths.length);
    const { bytes, sha256 } = digestOfFile(file);
    return { path: relative(root, file).split(sep).join("/"), bytes, sha256, ...describeFile(file) };
  });
  files.sort((a, b) => (a.path < b.path ? -1 : 1));
  return {
    schema: "casemate-data/1",
    name,
    tool: { name: "casemate", version },
    createdAt: new Date().toISOString(),
    ...(source !== undefined && { source }),
    ...(licence !== undefined && { licence }),
    digest: digestOfList(files),
    files,
  };
}

/** The digest that stands for a list of files: SHA-256 of "digest  path\n" for each, in the order of their paths, as sha256sum prints them. */
export function digestOfList(files: readonly { readonly path: string; readonly sha256: string }[]): string {
  const hash = createHash("sha256");
  for (const { path, sha256 } of files) hash.update(`${sha256}  ${path}\n`);
  return hash.digest("hex");
}

export interface DataDifference {
  readonly path: string;
  readonly change: "changed" | "added" | "removed";
}

/** How a data set differs from its manifest; nothing if it is what was written down. Throws MALFORMED for a manifest whose own digest is wrong. */
export function verifyManifest(path: string, manifest: DataManifest, signal?: AbortSignal): readonly DataDifference[] {
  if (digestOfList(manifest.files) !== manifest.digest) {
    throw new ScanError("MALFORMED", "the manifest: its digest is not that of its list of files");
  }
  const items = walk(path);
  const paths = items.flatMap((item) => (item.type === "folder" ? [] : [item.path]));
  const root = paths.length === 1 && paths[0] === path ? dirname(path) : path;
  const there = new Set(paths.map((file) => relative(root, file).split(sep).join("/")));
  const listed = new Map(manifest.files.map((file) => [file.path, file]));
  const differences: DataDifference[] = [];
  for (const { path: file, bytes, sha256 } of manifest.files) {
    signal?.throwIfAborted();
    if (!there.has(file)) differences.push({ path: file, change: "removed" });
    else {
      const found = digestOfFile(join(root, file));
      if (found.bytes !== bytes || found.sha256 !== sha256) differences.push({ path: file, change: "changed" });
    }
  }
  for (const file of there) if (!listed.has(file)) differences.push({ path: file, change: "added" });
  return differences.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function digestOfFile(path: string): { readonly bytes: number; readonly sha256: string } {
  const file = openFile(path);
  try {
    return { bytes: file.size, sha256: digestOf(file) };
  } finally {
    file.close();
  }
}
