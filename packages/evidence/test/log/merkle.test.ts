import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  consistencyProof,
  emptyRoot,
  type HashAt,
  inclusionProof,
  leafHash,
  nodeHash,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from "../../src/log/merkle.ts";

interface InclusionCase {
  leafIdx: number;
  treeSize: number;
  root: string;
  leafHash: string;
  proof: string[] | null;
  desc: string;
  wantErr: boolean;
}

interface ConsistencyCase {
  size1: number;
  size2: number;
  root1: string;
  root2: string;
  proof: string[] | null;
  desc: string;
  wantErr: boolean;
}

const vectors: { inclusion: InclusionCase[]; consistency: ConsistencyCase[] } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../vectors/merkle-proofs.json"), "utf8"),
);
const bytes = (base64: string | null): Buffer => Buffer.from(base64 ?? "", "base64");
const path = (proof: readonly string[] | null): readonly Buffer[] => (proof ?? []).map(bytes);

test("there are 98 vectors of each kind", () => {
  expect([vectors.inclusion.length, vectors.consistency.length]).toEqual([98, 98]);
});

test.each(vectors.inclusion)("inclusion of $leafIdx in $treeSize: $desc", (each) => {
  const verify = () =>
    verifyInclusion(bytes(each.leafHash), each.leafIdx, each.treeSize, path(each.proof), bytes(each.root));
  if (each.wantErr) expect(verify).toThrow("inclusion:");
  else verify();
});

test.each(vectors.consistency)("consistency of $size1 with $size2: $desc", (each) => {
  const verify = () =>
    verifyConsistency(each.size1, each.size2, path(each.proof), bytes(each.root1), bytes(each.root2));
  if (each.wantErr) expect(verify).toThrow("consistency");
  else verify();
});

/** RFC 6962's definition, word for word. */
function treeHash(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return createHash("sha256").digest();
  if (leaves.length === 1) return leaves[0]!;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return nodeHash(treeHash(leaves.slice(0, k)), treeHash(leaves.slice(k)));
}

const leaves = Array.from({ length: 70 }, (_, index) => leafHash(Buffer.from(`entry ${index}`)));
const hashAt: HashAt = async (level, index) => treeHash(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));

test("every proof in every tree of up to 70 leaves holds, and with the definition's root", async () => {
  expect(emptyRoot.toString("hex")).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  for (let size = 1; size <= leaves.length; size++) {
    const root = treeHash(leaves.slice(0, size));
    expect(await rootOf(hashAt, 0, size)).toEqual(root);
    for (let index = 0; index < size; index += size > 20 ? 7 : 1)
      verifyInclusion(leaves[index]!, index, size, await inclusionProof(hashAt, index, size), root);
    for (let from = 1; from <= size; from++)
      verifyConsistency(from, size, await consistencyProof(hashAt, from, size), treeHash(leaves.slice(0, from)), root);
  }
});

test("a proof for one entry, size or root does not do for another", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(69), fc.integer({ min: 2, max: 70 }), fc.nat(69), async (index, size, other) => {
      fc.pre(index < size && other !== index);
      const proof = await inclusionProof(hashAt, index, size);
      const root = treeHash(leaves.slice(0, size));
      expect(() => verifyInclusion(leaves[other]!, index, size, proof, root)).toThrow("inclusion");
      expect(() => verifyInclusion(leaves[index]!, other, size, proof, root)).toThrow("inclusion");
    }),
    { numRuns: 200 },
  );
});
