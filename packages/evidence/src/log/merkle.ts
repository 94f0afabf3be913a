import { hash as digest } from "node:crypto";
import { EvidenceError } from "../errors.ts";

/** SHA-256 of nothing: the root of the empty tree (RFC 6962, section 2.1). */
export const emptyRoot: Buffer = digest("sha256", Buffer.alloc(0), "buffer");

/** RFC 6962, section 2.1: SHA-256(0x00 ‖ entry). */
export function leafHash(entry: Uint8Array): Buffer {
  return sha256(Buffer.concat([LEAF, entry]));
}

/** RFC 6962, section 2.1: SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return sha256(Buffer.concat([NODE, left, right]));
}

const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);

/** In one call: a hash object for each node would take twice as long. */
function sha256(bytes: Buffer): Buffer {
  return digest("sha256", bytes, "buffer");
}

/** The hash of the full subtree over the leaves [index · 2^level, (index + 1) · 2^level). */
export type HashAt = (level: number, index: number) => Promise<Uint8Array>;

/** The root over the leaves [start, end), where start is a multiple of the largest power of two below end − start. */
export async function rootOf(hashAt: HashAt, start: number, end: number): Promise<Uint8Array> {
  const count = end - start;
  if (count === 0) return emptyRoot;
  const level = Math.floor(Math.log2(count));
  if (count === 2 ** level) return await hashAt(level, start / count);
  const middle = start + split(count);
  return nodeHash(await rootOf(hashAt, start, middle), await rootOf(hashAt, middle, end));
}

/** The audit path of a leaf in a tree of `size` leaves, from the leaf's sibling upwards (RFC 6962, section 2.1.1). */
export async function inclusionProof(hashAt: HashAt, index: number, size: number): Promise<readonly Uint8Array[]> {
  if (!(index >= 0 && index < size))
    throw new EvidenceError("INVALID_OPTION", `index: expected one of the ${size} entries, got ${index}`);
  const path: Uint8Array[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + split(end - start);
    path.push(index < middle ? await rootOf(hashAt, middle, end) : await rootOf(hashAt, start, middle));
    if (index < middle) end = middle;
    else start = middle;
  }
  return path.reverse();
}

/** That a tree of `from` leaves is the beginning of one of `to` (RFC 6962, section 2.1.2). */
export async function consistencyProof(hashAt: HashAt, from: number, to: number): Promise<readonly Uint8Array[]> {
  if (!(from >= 0 && from <= to))
    throw new EvidenceError("INVALID_OPTION", `from: expected a size of at most ${to}, got ${from}`);
  if (from === 0 || from === to) return [];
  return await subproof(hashAt, from, 0, to, true);
}

/** SUBPROOF of RFC 6962; `isKnown` while the verifier has the root of what lies before `from` here. */
async function subproof(
  hashAt: HashAt,
  from: number,
  start: number,
  end: number,
  isKnown: boolean,
): Promise<readonly Uint8Array[]> {
  if (from === end) return isKnown ? [] : [await rootOf(hashAt, start, end)];
  const middle = start + split(end - start);
  return from <= middle
    ? [...(await subproof(hashAt, from, start, middle, isKnown)), await rootOf(hashAt, middle, end)]
    : [...(await subproof(hashAt, from, middle, end, false)), await rootOf(hashAt, start, middle)];
}

/** Throws INVALID_PROOF unless `path` leads from the leaf's hash to the root (RFC 9162, section 2.1.3.2). */
export function verifyInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
  root: Uint8Array,
): void {
  if (!(Number.isSafeInteger(index) && Number.isSafeInteger(size) && index >= 0 && index < size))
    throw new EvidenceError("INVALID_PROOF", `inclusion: index ${index} is not in a tree of ${size}`);
  checkHashes("inclusion", [leaf, root, ...path]);
  let [node, last] = [index, size - 1];
  let hash = leaf;
  for (const sibling of path) {
    if (last === 0) throw new EvidenceError("INVALID_PROOF", "inclusion: the proof is longer than the way to the root");
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
    } else hash = nodeHash(hash, sibling);
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  if (last !== 0) throw new EvidenceError("INVALID_PROOF", "inclusion: the proof is shorter than the way to the root");
  if (!isSame(hash, root))
    throw new EvidenceError("INVALID_PROOF", `inclusion: entry ${index} is not in the tree with this root`);
}

/** Throws INVALID_PROOF unless the tree of `from` leaves is the beginning of the tree of `to` (RFC 9162, section 2.1.4.2). */
export function verifyConsistency(
  from: number,
  to: number,
  path: readonly Uint8Array[],
  fromRoot: Uint8Array,
  toRoot: Uint8Array,
): void {
  const wrong = (what: string): never => {
    throw new EvidenceError("INVALID_PROOF", `consistency from ${from} to ${to}: ${what}`);
  };
  if (!(Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= 0 && from <= to))
    wrong("sizes that make no sense");
  if (from === 0) wrong("every tree begins with the empty one, so that there is nothing to prove");
  if (from === to) {
    if (path.length > 0) wrong("expected an empty proof");
    if (!isSame(fromRoot, toRoot)) wrong("two roots for one size");
    return;
  }
  checkHashes("consistency", [fromRoot, toRoot, ...path]);
  const isPower = Number.isInteger(Math.log2(from));
  const [first, ...rest] = isPower ? [fromRoot, ...path] : path;
  if (first === undefined)
    throw new EvidenceError("INVALID_PROOF", `consistency from ${from} to ${to}: the proof is empty`);
  let [node, last] = [from - 1, to - 1];
  while (node % 2 === 1) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  let [before, after] = [first, first];
  for (const sibling of rest) {
    if (last === 0) wrong("the proof is too long");
    if (node % 2 === 1 || node === last) {
      before = nodeHash(sibling, before);
      after = nodeHash(sibling, after);
      while (node % 2 === 0 && node !== 0) [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
    } else after = nodeHash(after, sibling);
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  if (last !== 0) wrong("the proof is too short");
  if (!isSame(before, fromRoot) || !isSame(after, toRoot)) wrong("the roots do not follow from it");
}

/** The largest power of two below `count`: the leaves of the left subtree. */
function split(count: number): number {
  return 2 ** Math.floor(Math.log2(count - 1));
}

function checkHashes(what: string, hashes: readonly Uint8Array[]): void {
  if (hashes.length > 130 || hashes.some(({ length }) => length !== 32))
    throw new EvidenceError("INVALID_PROOF", `${what}: expected at most 128 hashes of 32 bytes`);
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
