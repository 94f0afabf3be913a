import Type, { type Static } from "typebox";
import { EvidenceError } from "../errors.ts";
import type { Immutable } from "../immutable.ts";
import { parseJson } from "../json.ts";
import { assertMeets } from "../violation.ts";
import { keyAlgorithms } from "./algorithms.ts";
import { parsePublicKey } from "./public-key.ts";
import type { PublicKey } from "./signer.ts";

const Instant = Type.String({ format: "date-time", maxLength: 40 });
const Names = Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { minItems: 1, maxItems: 1000 });

const RingKey = Type.Object(
  {
    id: Type.String({ pattern: "^[0-9a-f]{64}$", description: "SHA-256 of the PEM text." }),
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    algorithm: Type.Enum([...keyAlgorithms]),
    publicKey: Type.String({ maxLength: 4096, description: "PEM." }),
    validFrom: Instant,
    validUntil: Type.Optional(Type.String({ format: "date-time", maxLength: 40, description: "Not of it." })),
    revokedAt: Type.Optional(
      Type.String({
        format: "date-time",
        maxLength: 40,
        description:
          "From when on nothing that it signed counts: for a stolen key, the earliest moment that it can have been stolen.",
      }),
    ),
    revocationReason: Type.Optional(Type.String({ minLength: 1, maxLength: 1000 })),
    environments: Type.Optional(Names),
    kinds: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 200 }), {
        minItems: 1,
        maxItems: 1000,
        description: "Of attestations, or model for signatures on models.",
      }),
    ),
  },
  { additionalProperties: false },
);
export type RingKey = Immutable<Static<typeof RingKey>>;

/** Whose signatures count, from when until when, and for what. Order has no meaning. */
export const KeyRing = Type.Object(
  { $schema: Type.Optional(Type.String()), keys: Type.Array(RingKey, { maxItems: 10_000 }) },
  {
    $id: "https://casemate.dev/schemas/key-ring/1",
    title: "Casemate key ring",
    description: "Whose signatures count, from when until when, and for what.",
    additionalProperties: false,
  },
);
export type KeyRing = Immutable<Static<typeof KeyRing>>;

/** What a signature is used for. A key with a scope counts only where the use lies in it. */
export interface KeyUse {
  readonly environment?: string;
  readonly kind?: string;
}

export type KeyTrust =
  | { readonly trusted: true; readonly key: RingKey; readonly publicKey: PublicKey }
  | { readonly trusted: false; readonly reason: string };

export interface KeyPeriod {
  readonly name?: string;
  readonly validFrom: Date;
  readonly validUntil?: Date;
  readonly environments?: readonly string[];
  readonly kinds?: readonly string[];
}

/** Reads a key ring and checks that each key is what its entry says. Throws MALFORMED, INVALID_KEY. */
export function parseKeyRing(bytes: Uint8Array, where = "key ring"): KeyRing {
  const value = parseJson(bytes, where, { bytes: 16 * 2 ** 20, depth: 8 });
  assertMeets(KeyRing, value, where);
  const ring = value as KeyRing;
  const seen = new Set<string>();
  for (const key of ring.keys) {
    const place = `${where}: key ${key.id}`;
    const { id, algorithm } = parsePublicKey(key.publicKey, place);
    const refuse = (why: string): EvidenceError => new EvidenceError("MALFORMED", `${place}: ${why}`);
    if (id !== key.id) throw refuse(`its publicKey has the id ${id}`);
    if (algorithm !== key.algorithm) throw refuse(`expected ${key.algorithm}, its publicKey is ${algorithm}`);
    if (seen.has(id)) throw refuse("is there twice");
    if (key.validUntil !== undefined && !(Date.parse(key.validUntil) > Date.parse(key.validFrom))) {
      throw refuse("expected validUntil after validFrom");
    }
    if ((key.revokedAt === undefined) !== (key.revocationReason === undefined)) {
      throw refuse("expected revokedAt and revocationReason together");
    }
    seen.add(id);
  }
  return ring;
}

/**
 * Whether a signature counts that was there at `time`, and why not. `time` must be proven by somebody else than the signer (a log, a time
 * stamp); without proof, ask for the present. With a `use`, a key that has a scope counts only within it.
 */
export function trustedAt({ keys }: KeyRing, keyId: string, time: Date, use?: KeyUse): KeyTrust {
  const key = keys.find(({ id }) => id === keyId);
  const no = (reason: string): KeyTrust => ({ trusted: false, reason: `key ${key?.name ?? keyId} ${reason}` });
  if (key === undefined) return no("is not in the key ring");
  if (time.getTime() < Date.parse(key.validFrom)) return no(`is valid from ${key.validFrom} only`);
  if (key.validUntil !== undefined && time.getTime() >= Date.parse(key.validUntil)) {
    return no(`was valid until ${key.validUntil}`);
  }
  if (key.revokedAt !== undefined && time.getTime() >= Date.parse(key.revokedAt)) {
    return no(`was revoked as of ${key.revokedAt}: ${key.revocationReason}`);
  }
  if (use !== undefined && !covers(key.environments, use.environment)) {
    return no(`signs for ${key.environments!.join(", ")}, not for ${use.environment ?? "every environment"}`);
  }
  if (use !== undefined && !covers(key.kinds, use.kind)) {
    return no(`signs ${key.kinds!.join(", ")}, not ${use.kind ?? "everything"}`);
  }
  return { trusted: true, key, publicKey: parsePublicKey(key.publicKey, `key ${keyId}`) };
}

/** A ring with one more key. Throws INVALID_OPTION where it is in already. */
export function addKey(ring: KeyRing, publicKey: PublicKey, period: KeyPeriod): KeyRing {
  if (ring.keys.some(({ id }) => id === publicKey.id)) {
    throw new EvidenceError("INVALID_OPTION", `key ${publicKey.id} is in the key ring already`);
  }
  return { ...ring, keys: [...ring.keys, entryOf(publicKey, period)] };
}

export interface RotateOptions {
  /** From when on the new key signs. */
  readonly at: Date;
  /** For how long after that the old key counts as well, in seconds. */
  readonly overlapSeconds?: number;
  readonly name?: string;
  readonly validUntil?: Date;
}

/** A ring in which `next` takes over the scope of the key `oldId`. Throws INVALID_OPTION. */
export function rotateKey(ring: KeyRing, oldId: string, next: PublicKey, options: RotateOptions): KeyRing {
  const { at, overlapSeconds = 0, name, validUntil } = options;
  const old = keyOf(ring, oldId);
  const end = new Date(at.getTime() + overlapSeconds * 1000);
  if (!(end.getTime() > Date.parse(old.validFrom))) {
    throw new EvidenceError(
      "INVALID_OPTION",
      `key ${oldId} is valid from ${old.validFrom}, after it would be replaced`,
    );
  }
  const isShorter = old.validUntil === undefined || end.getTime() < Date.parse(old.validUntil);
  const ended: RingKey = isShorter ? { ...old, validUntil: end.toISOString() } : old;
  const keys = ring.keys.map((key) => (key.id === oldId ? ended : key));
  const { environments, kinds } = old;
  return addKey({ ...ring, keys }, next, {
    validFrom: at,
    ...(name !== undefined && { name }),
    ...(validUntil !== undefined && { validUntil }),
    ...(environments !== undefined && { environments }),
    ...(kinds !== undefined && { kinds }),
  });
}

/** A ring in which nothing that the key signed from `at` on counts. A revocation can be moved back, never forward. Throws INVALID_OPTION. */
export function revokeKey(ring: KeyRing, keyId: string, at: Date, reason: string): KeyRing {
  const { revokedAt } = keyOf(ring, keyId);
  if (revokedAt !== undefined && Date.parse(revokedAt) < at.getTime()) {
    throw new EvidenceError("INVALID_OPTION", `key ${keyId} was revoked as of ${revokedAt}, which is earlier`);
  }
  const revocation = { revokedAt: at.toISOString(), revocationReason: reason };
  return { ...ring, keys: ring.keys.map((key) => (key.id === keyId ? { ...key, ...revocation } : key)) };
}

function entryOf({ id, algorithm, pem }: PublicKey, period: KeyPeriod): RingKey {
  const { name, validFrom, validUntil, environments, kinds } = period;
  return {
    id,
    ...(name !== undefined && { name }),
    algorithm,
    publicKey: pem,
    validFrom: validFrom.toISOString(),
    ...(validUntil !== undefined && { validUntil: validUntil.toISOString() }),
    ...(environments !== undefined && { environments }),
    ...(kinds !== undefined && { kinds }),
  };
}

function keyOf({ keys }: KeyRing, keyId: string): RingKey {
  const key = keys.find(({ id }) => id === keyId);
  if (key === undefined) throw new EvidenceError("INVALID_OPTION", `key ${keyId} is not in the key ring`);
  return key;
}

function covers(scope: readonly string[] | undefined, wanted: string | undefined): boolean {
  return scope === undefined || (wanted !== undefined && scope.includes(wanted));
}
