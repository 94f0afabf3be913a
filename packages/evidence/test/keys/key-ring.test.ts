import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EvidenceError } from "../../src/errors.ts";
import { addKey, type KeyRing, parseKeyRing, revokeKey, rotateKey, trustedAt } from "../../src/keys/key-ring.ts";
import { publicKeyOf } from "../../src/keys/public-key.ts";

const [first, second, third] = [1, 2, 3].map(() => publicKeyOf(generateKeyPairSync("ed25519").publicKey)) as [
  ReturnType<typeof publicKeyOf>,
  ReturnType<typeof publicKeyOf>,
  ReturnType<typeof publicKeyOf>,
];
const day = (text: string): Date => new Date(`${text}T00:00:00Z`);
const empty: KeyRing = { keys: [] };
const ring = addKey(empty, first, {
  name: "evaluation 2026",
  validFrom: day("2026-01-01"),
  validUntil: day("2027-01-01"),
  environments: ["staging"],
  kinds: ["robustness", "scan"],
});
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

test("a ring that is written is read back", () => {
  expect(parseKeyRing(bytes(ring))).toEqual(ring);
});

describe("trust", () => {
  test.each([
    ["2025-12-31", "is valid from 2026-01-01T00:00:00.000Z only"],
    ["2027-01-01", "was valid until 2027-01-01T00:00:00.000Z"],
  ])("ends outside of the period: %s", (time, reason) => {
    expect(trustedAt(ring, first.id, day(time))).toEqual({ trusted: false, reason: `key evaluation 2026 ${reason}` });
  });

  test("holds from its first moment until before its last", () => {
    expect(trustedAt(ring, first.id, day("2026-01-01")).trusted).toBe(true);
    expect(trustedAt(ring, first.id, new Date("2026-12-31T23:59:59.999Z")).trusted).toBe(true);
  });

  test("is not given to strangers", () => {
    expect(trustedAt(ring, second.id, day("2026-06-01"))).toEqual({
      trusted: false,
      reason: `key ${second.id} is not in the key ring`,
    });
  });

  test("ends with a revocation, for what was signed from then on", () => {
    const revoked = revokeKey(ring, first.id, day("2026-06-01"), "laptop stolen");
    expect(trustedAt(revoked, first.id, day("2026-05-31")).trusted).toBe(true);
    expect(trustedAt(revoked, first.id, day("2026-06-01"))).toEqual({
      trusted: false,
      reason: "key evaluation 2026 was revoked as of 2026-06-01T00:00:00.000Z: laptop stolen",
    });
  });

  test.each([
    [{ environment: "staging", kind: "scan" }, true],
    [{ environment: "production", kind: "scan" }, false],
    [{ environment: "staging", kind: "approval" }, false],
    [{ kind: "scan" }, false],
    [{}, false],
  ])("is bound to a scope: %j is %s", (use, trusted) => {
    expect(trustedAt(ring, first.id, day("2026-06-01"), use).trusted).toBe(trusted);
  });
});

test("rotation gives the new key the scope of the old, and both count during the overlap", () => {
  const at = day("2026-06-01");
  const rotated = rotateKey(ring, first.id, second, { at, overlapSeconds: 86_400, name: "second" });
  const use = { environment: "staging", kind: "scan" };
  const trusts = (id: string, time: Date) => trustedAt(rotated, id, time, use).trusted;
  expect([trusts(first.id, day("2026-05-31")), trusts(second.id, day("2026-05-31"))]).toEqual([true, false]);
  expect([trusts(first.id, at), trusts(second.id, at)]).toEqual([true, true]);
  expect([trusts(first.id, day("2026-06-02")), trusts(second.id, day("2026-06-02"))]).toEqual([false, true]);
  expect(trustedAt(rotated, second.id, at, { environment: "production", kind: "scan" }).trusted).toBe(false);
});

test("rotation never lengthens the life of the old key", () => {
  const rotated = rotateKey(ring, first.id, second, { at: day("2026-12-31"), overlapSeconds: 86_400 * 30 });
  expect(rotated.keys[0]!.validUntil).toBe("2027-01-01T00:00:00.000Z");
});

test("a revocation can be moved back, never forward", () => {
  const revoked = revokeKey(ring, first.id, day("2026-06-01"), "stolen");
  expect(revokeKey(revoked, first.id, day("2026-05-01"), "stolen earlier").keys[0]!.revokedAt).toMatch(/^2026-05-01/);
  expect(() => revokeKey(revoked, first.id, day("2026-07-01"), "later")).toThrow(
    /was revoked as of 2026-06-01.* earlier/,
  );
});

test.each([
  ["a key under another id", { ...ring.keys[0]!, id: third.id }, /its publicKey has the id/],
  ["another algorithm", { ...ring.keys[0]!, algorithm: "ecdsa-p256" }, /expected ecdsa-p256, its publicKey is ed25519/],
  [
    "a period that ends before it starts",
    { ...ring.keys[0]!, validUntil: "2025-01-01T00:00:00Z" },
    /validUntil after validFrom/,
  ],
  [
    "a revocation without a reason",
    { ...ring.keys[0]!, revokedAt: "2026-02-01T00:00:00Z" },
    /revocationReason together/,
  ],
  ["a time that is none", { ...ring.keys[0]!, validFrom: "yesterday" }, /validFrom must match format/],
  ["an unknown property", { ...ring.keys[0]!, rights: "all" }, /additional properties: rights/],
])("a ring with %s is refused", (_, key, reason) => {
  expect(() => parseKeyRing(bytes({ keys: [key] }))).toThrow(reason);
});

test("a key cannot be in a ring twice", () => {
  expect(() => parseKeyRing(bytes({ keys: [ring.keys[0], ring.keys[0]] }))).toThrow(/is there twice/);
  expect(() => addKey(ring, first, { validFrom: day("2026-01-01") })).toThrow(/is in the key ring already/);
  expect(() => rotateKey(ring, second.id, third, { at: day("2026-02-01") })).toThrow(/is not in the key ring/);
});

test("whatever the bytes, a ring is read or refused by an EvidenceError", () => {
  const text = JSON.stringify(ring);
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.string({ maxLength: 4 }), fc.nat(6), (at, put, cut) => {
      try {
        parseKeyRing(Buffer.from(text.slice(0, at) + put + text.slice(at + cut)));
      } catch (error) {
        expect(error).toBeInstanceOf(EvidenceError);
      }
    }),
    { numRuns: 2000 },
  );
});
