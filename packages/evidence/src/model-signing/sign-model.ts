import { X509Certificate } from "node:crypto";
import { realpath } from "node:fs/promises";
import { relative, resolve, sep } from "node:path";
import { type Bundle, bundleOf } from "../bundles/bundle.ts";
import { EvidenceError } from "../errors.ts";
import { publicKeyOf } from "../keys/public-key.ts";
import type { Signer } from "../keys/signer.ts";
import { signStatement } from "../statements/statement.ts";
import type { HashOptions } from "./hash-files.ts";
import { type HashEvent, hashModel } from "./hash-model.ts";
import { alwaysIgnored } from "./list-files.ts";
import {
  assertIgnorable,
  type HashAlgorithm,
  type ModelManifest,
  manifestOf,
  type Serialization,
  statementOfModel,
} from "./manifest.ts";

export interface SignModelOptions extends HashOptions {
  /** One digest per file, or one per `shardSize` bytes of it: large files are then hashed by many threads. */
  readonly method?: "files" | "shards";
  readonly shardSize?: number;
  readonly hash?: HashAlgorithm;
  /** Follows symbolic links and signs what they lead to. */
  readonly allowSymlinks?: boolean;
  /** Paths from the root of the model that are not signed: exact, no patterns. */
  readonly ignorePaths?: readonly string[];
  /** Where the signature will lie, so that it is not part of what it signs. */
  readonly signaturePath?: string;
  /** DER, the signer's certificate first, then who issued it; without the root. */
  readonly certificates?: readonly Uint8Array[];
}

export interface SignedModel {
  readonly bundle: Bundle;
  readonly manifest: ModelManifest;
  readonly bytes: number;
}

/**
 * Signs a model, a file or a folder, as OpenSSF Model Signing 1.0 has it: a digest of each file in an in-toto statement in a Sigstore
 * bundle. Throws INVALID_KEY for Ed25519, which that format does not know, and what hashing and signing throw.
 */
export async function* signModel(
  path: string,
  signer: Signer,
  options: SignModelOptions = {},
): AsyncGenerator<HashEvent, SignedModel> {
  const { method = "files", shardSize = 1_000_000_000, hash = "sha256", allowSymlinks = false, certificates } = options;
  assertCanSign(signer, certificates);
  const own = await pathsWithin(path, options.signaturePath === undefined ? [] : [options.signaturePath]);
  const ignorePaths = [...new Set([...alwaysIgnored, ...(options.ignorePaths ?? []), ...own])].sort();
  for (const each of ignorePaths) assertIgnorable(each);
  const serialization: Serialization = {
    method,
    hash_type: hash,
    ...(method === "shards" && { shard_size: shardSize }),
    allow_symlinks: allowSymlinks,
    ignore_paths: ignorePaths,
  };
  const { name, resources, bytes } = yield* hashModel(path, serialization, options);
  if (resources.length === 0) throw new EvidenceError("INVALID_OPTION", `${path}: there is nothing in it to sign`);
  const manifest = manifestOf(name, resources, serialization);
  const envelope = await signStatement(statementOfModel(manifest), [signer]);
  const bundle = bundleOf(envelope, certificates === undefined ? signer.publicKey : { certificates });
  return { bundle, manifest, bytes };
}

/** Of paths from anywhere, those that lie inside of a model, as they are called there. */
export async function pathsWithin(model: string, paths: readonly string[]): Promise<readonly string[]> {
  const root = await realpath(model).catch(() => resolve(model));
  const real = async (path: string): Promise<string> => {
    const absolute = resolve(path);
    const folder = await realpath(resolve(absolute, "..")).catch(() => resolve(absolute, ".."));
    return resolve(folder, absolute.slice(absolute.lastIndexOf(sep) + 1));
  };
  const within = await Promise.all(
    paths.map(async (path) =>
      relative(root, await real(path))
        .split(sep)
        .join("/"),
    ),
  );
  return within.filter((path) => path !== "" && path !== ".." && !path.startsWith("../"));
}

function assertCanSign({ publicKey }: Signer, certificates: readonly Uint8Array[] | undefined): void {
  if (publicKey.algorithm === "ed25519") {
    throw new EvidenceError(
      "INVALID_KEY",
      "model signature: expected an ECDSA key (P-256, P-384 or P-521), got ed25519",
    );
  }
  if (certificates === undefined) return;
  const [leaf] = certificates.map((der) => new X509Certificate(der));
  if (leaf === undefined || publicKeyOf(leaf.publicKey, "first certificate").id !== publicKey.id) {
    throw new EvidenceError("INVALID_KEY", "certificate chain: expected the first to be of the key that signs");
  }
}
