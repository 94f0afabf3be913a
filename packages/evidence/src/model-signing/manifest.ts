import { createHash } from "node:crypto";
import Type, { type Static } from "typebox";
import { EvidenceError } from "../errors.ts";
import type { Immutable } from "../immutable.ts";
import { type Statement, statementOf } from "../statements/statement.ts";
import { assertMeets } from "../violation.ts";

/** The predicate of OpenSSF Model Signing 1.0 (https://github.com/ossf/model-signing-spec). */
export const modelPredicateType = "https://model_signing/signature/v1.0";

/** Hashes of files by the names of the specification, with their bytes. */
export const digestBytes = { sha256: 32, blake2b: 64, blake3: 32 } as const;
export type HashAlgorithm = keyof typeof digestBytes;
export const hashAlgorithms = Object.keys(digestBytes) as readonly HashAlgorithm[];

const ModelResource = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 8192 }),
  digest: Type.String({ pattern: "^[0-9a-f]+$", maxLength: 128 }),
  algorithm: Type.String({ minLength: 1, maxLength: 100 }),
});
/** `algorithm` is the hash; releases of model_signing write `sha256-sharded-SIZE` for shards. */
export type ModelResource = Immutable<Static<typeof ModelResource>>;

const Serialization = Type.Object(
  {
    method: Type.Enum(["files", "shards"]),
    hash_type: Type.Enum([...hashAlgorithms]),
    shard_size: Type.Optional(Type.Integer({ minimum: 1 })),
    allow_symlinks: Type.Boolean(),
    ignore_paths: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 8192 }), { maxItems: 100_000 })),
  },
  { additionalProperties: false },
);
export type Serialization = Immutable<Static<typeof Serialization>>;

const ModelPredicate = Type.Object({
  resources: Type.Array(ModelResource, { minItems: 1, maxItems: 2_000_000 }),
  serialization: Serialization,
});

/** What was signed of a model: each file, or each range of each file, with its digest. */
export interface ModelManifest {
  /** Of the folder or file; nothing depends on it. */
  readonly name: string;
  /** SHA-256 of the digests one after the other: the model as one digest, in this order of its resources. */
  readonly rootDigest: string;
  readonly resources: readonly ModelResource[];
  readonly serialization: Serialization;
}

/** A range of a file, as the name of a shard says it. */
export interface Shard {
  readonly path: string;
  readonly start: number;
  readonly end: number;
}

/** A manifest in the order that the specification asks for: code points of the names. */
export function manifestOf(
  name: string,
  resources: readonly ModelResource[],
  serialization: Serialization,
): ModelManifest {
  const sorted = resources
    .map((resource) => ({ resource, bytes: Buffer.from(resource.name) })) // in UTF-8 the order of bytes is that of code points
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
    .map(({ resource }) => resource);
  return { name, rootDigest: rootDigestOf(sorted), resources: sorted, serialization };
}

/** The statement that is signed for a model. */
export function statementOfModel({ name, rootDigest, resources, serialization }: ModelManifest): Statement {
  return statementOf([{ name, digest: { sha256: rootDigest } }], modelPredicateType, { resources, serialization });
}

/**
 * The manifest in a statement, with its names and its root digest checked. Names are used to compare, never to open a file.
 * Throws MALFORMED, UNSAFE_PATH, DIGEST_MISMATCH.
 */
export function manifestIn({ subject, predicateType, predicate }: Statement): ModelManifest {
  const refuse = (why: string): EvidenceError => new EvidenceError("MALFORMED", `model signature: ${why}`);
  if (predicateType !== modelPredicateType) {
    throw refuse(`expected a predicate of type ${modelPredicateType}, got ${predicateType.slice(0, 200)}`);
  }
  assertMeets(ModelPredicate, predicate, "model signature");
  const { resources, serialization } = predicate as Static<typeof ModelPredicate>;
  const [model, ...others] = subject;
  if (model === undefined || others.length > 0) throw refuse(`expected one subject, got ${subject.length}`);
  const { method, hash_type: algorithm, shard_size: shardSize, ignore_paths: ignored = [] } = serialization;
  if ((method === "shards") !== (shardSize !== undefined)) {
    throw refuse(`expected shard_size with the method shards and with it only, the method is ${method}`);
  }
  const names = [algorithm, `${algorithm}-sharded-${shardSize}`];
  const seen = new Set<string>();
  for (const resource of resources) {
    const { name, digest } = resource;
    assertSafe(method === "shards" ? shardOf(name).path : name);
    if (seen.has(name)) throw refuse(`${name} is there twice`);
    if (!names.includes(resource.algorithm)) throw refuse(`${name}: expected ${algorithm}, got ${resource.algorithm}`);
    if (digest.length !== 2 * digestBytes[algorithm])
      throw refuse(`${name}: expected ${digestBytes[algorithm]} bytes of ${algorithm}`);
    seen.add(name);
  }
  for (const path of ignored) assertIgnorable(path);
  const rootDigest = rootDigestOf(resources);
  if (model.digest.sha256 !== rootDigest) {
    throw new EvidenceError(
      "DIGEST_MISMATCH",
      `model signature: its digests give ${rootDigest}, its subject is ${model.digest.sha256}`,
    );
  }
  return { name: model.name ?? "_", rootDigest, resources, serialization };
}

/** The range in the name of a shard. Names of files may hold colons, so that only the last two count. Throws MALFORMED. */
export function shardOf(name: string): Shard {
  const [, path, start, end] = /^(.+):(0|[1-9]\d{0,15}):([1-9]\d{0,15})$/s.exec(name) ?? [];
  if (path === undefined || Number(start) >= Number(end)) {
    throw new EvidenceError(
      "MALFORMED",
      `model signature: expected a shard named path:start:end, got '${name.slice(0, 200)}'`,
    );
  }
  return { path, start: Number(start), end: Number(end) };
}

/** The name of a range. */
export function shardName({ path, start, end }: Shard): string {
  return `${path}:${start}:${end}`;
}

/** Refuses paths to ignore that are patterns or lead out of the model. Throws UNSAFE_PATH. */
export function assertIgnorable(path: string): void {
  assertSafe(path);
  if (/[*?[]/.test(path))
    throw new EvidenceError("UNSAFE_PATH", `ignored path '${path}': expected a path, got a pattern`);
}

/** Of a model that is one file, "." is a name as well: releases of model_signing write it. */
function assertSafe(path: string): void {
  const parts = path.split("/");
  const isUnsafe = path !== "." && parts.some((part) => part === "" || part === "." || part === "..");
  if (isUnsafe || path.includes("\0") || /^[A-Za-z]:[\\/]/.test(path)) {
    throw new EvidenceError(
      "UNSAFE_PATH",
      `model signature: expected a path inside of the model, got '${path.slice(0, 200)}'`,
    );
  }
}

function rootDigestOf(resources: readonly ModelResource[]): string {
  const hash = createHash("sha256");
  for (const { digest } of resources) hash.update(digest, "hex");
  return hash.digest("hex");
}
