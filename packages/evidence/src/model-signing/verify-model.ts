import type { Bundle } from "../bundles/bundle.ts";
import { type SignedBy, type Trust, verifyAttestation } from "../bundles/verify-bundle.ts";
import { EvidenceError } from "../errors.ts";
import type { HashOptions } from "./hash-files.ts";
import { type HashEvent, type HashedModel, hashModel } from "./hash-model.ts";
import { assertIgnorable, type ModelManifest, type ModelResource, manifestIn, shardOf } from "./manifest.ts";
import { pathsWithin } from "./sign-model.ts";
import { isVersion02, manifestOfVersion02 } from "./version-0-2.ts";

export interface VerifyModelOptions extends HashOptions {
  /** Where the signature lies, so that it does not count as a file that was added. */
  readonly signaturePath?: string;
  /** Paths from the root of the model that may be there without a signature, beside those that the signer named. */
  readonly ignorePaths?: readonly string[];
  /** Whether files may have been added. What was signed must be there and unchanged all the same. */
  readonly allowExtraFiles?: boolean;
  /** Whether signatures of release 0.2 of model_signing count, which are not DSSE. */
  readonly allowVersion02?: boolean;
}

/** A file that is not as it was signed. */
export interface ModelDifference {
  readonly type: "missing" | "changed" | "extra";
  readonly name: string;
}

/** What became of a model whose signature is sound. */
export interface ModelVerdict {
  readonly verified: boolean;
  /** Empty where it is verified; extra files are listed also where they are allowed. */
  readonly differences: readonly ModelDifference[];
  readonly signedBy: SignedBy;
  readonly signedOn?: Date;
  readonly manifest: ModelManifest;
  readonly files: number;
  readonly bytes: number;
}

/**
 * Verifies a model against its signature: who signed, then the statement, then every digest, then that nothing is missing and nothing was
 * added. Throws INVALID_SIGNATURE, UNTRUSTED_SIGNER, MALFORMED and DIGEST_MISMATCH before a file is read where the signature itself
 * does not hold.
 */
export async function* verifyModel(
  path: string,
  bundle: Bundle,
  trust: Trust,
  options: VerifyModelOptions = {},
): AsyncGenerator<HashEvent, ModelVerdict> {
  const { manifest, signedBy, signedOn } = signedManifest(bundle, trust, options);
  const { signaturePath, ignorePaths = [], allowExtraFiles = false } = options;
  for (const each of ignorePaths) assertIgnorable(each);
  const own = await pathsWithin(path, signaturePath === undefined ? [] : [signaturePath]);
  const ignored = [...(manifest.serialization.ignore_paths ?? []), ...ignorePaths, ...own];
  const found = yield* hashModel(path, { ...manifest.serialization, ignore_paths: ignored }, options);
  const differences = differencesOf(manifest, found);
  const verified = differences.every(({ type }) => allowExtraFiles && type === "extra");
  return {
    verified,
    differences,
    signedBy,
    ...(signedOn !== undefined && { signedOn }),
    manifest,
    files: found.files.length,
    bytes: found.bytes,
  };
}

interface SignedManifest {
  readonly manifest: ModelManifest;
  readonly signedBy: SignedBy;
  readonly signedOn?: Date;
}

function signedManifest(bundle: Bundle, trust: Trust, { allowVersion02 = false }: VerifyModelOptions): SignedManifest {
  if (isVersion02(bundle)) {
    if (allowVersion02) return manifestOfVersion02(bundle, trust);
    throw new EvidenceError(
      "MALFORMED",
      "model signature: made by model_signing 0.2, which is read on request only; sign again",
    );
  }
  const { statement, signedBy, signedOn } = verifyAttestation(bundle, trust);
  return { manifest: manifestIn(statement), signedBy, ...(signedOn !== undefined && { signedOn }) };
}

/** The end of a stream of events: what it returns. Throws what it throws. */
export async function resultOf<Result>(events: AsyncGenerator<unknown, Result>): Promise<Result> {
  for (;;) {
    const { done, value } = await events.next();
    if (done) return value;
  }
}

function differencesOf(
  { resources, serialization: { method } }: ModelManifest,
  found: HashedModel,
): readonly ModelDifference[] {
  const isShards = method === "shards";
  const signed = dottedToName(digestsByFile(resources, isShards), found);
  const present = digestsByFile(found.resources, isShards);
  const differences: ModelDifference[] = [];
  for (const [name, ranges] of signed) {
    const there = present.get(name);
    if (there !== undefined && !isSame(ranges, there)) differences.push({ type: "changed", name });
    else if (there === undefined) {
      // a file that was cut to nothing has no shards any more, but is there
      const isEmpty = isShards && found.files.some((file) => file.name === name);
      differences.push({ type: isEmpty ? "changed" : "missing", name });
    }
  }
  for (const name of present.keys()) if (!signed.has(name)) differences.push({ type: "extra", name });
  return differences.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Digests of each file by the range that they are of, "start:end", or "" for all of it. */
type FileDigests = ReadonlyMap<string, ReadonlyMap<string, string>>;

function digestsByFile(resources: readonly ModelResource[], isShards: boolean): FileDigests {
  const files = new Map<string, Map<string, string>>();
  for (const { name, digest } of resources) {
    const file = isShards ? shardOf(name).path : name;
    const ranges = files.get(file) ?? new Map<string, string>();
    files.set(file, ranges.set(name.slice(file.length + 1), digest));
  }
  return files;
}

/** Releases of model_signing call a model that is one file "."; here it goes by its name. */
function dottedToName(signed: FileDigests, { isFolder, name }: HashedModel): FileDigests {
  const dotted = signed.get(".");
  if (dotted === undefined) return signed;
  if (!isFolder && signed.size === 1) return new Map([[name, dotted]]);
  throw new EvidenceError("DIGEST_MISMATCH", "model signature: it is of a model that is one file, got a folder");
}

function isSame(signed: ReadonlyMap<string, string>, found: ReadonlyMap<string, string>): boolean {
  return signed.size === found.size && [...signed].every(([range, digest]) => found.get(range) === digest);
}
