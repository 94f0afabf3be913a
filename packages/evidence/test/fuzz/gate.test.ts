import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  addKey,
  EvidenceError,
  evaluateGate,
  exhibitOf,
  modelPredicateType,
  parseGatePolicy,
  predicates,
  signerFromPem,
} from "../../src/index.ts";

const numRuns = Number(process.env.CASEMATE_FUZZ_CASES ?? 2000);

const { privateKey } = generateKeyPairSync("ed25519");
const { publicKey } = signerFromPem(privateKey.export({ type: "pkcs8", format: "pem" }).toString(), "test");
const sha256 = "ab".repeat(32);
const ring = addKey({ keys: [] }, publicKey, { validFrom: new Date("2026-01-01") });
const kinds = ["model", "scan", "robustness", "approval"] as const;
const policy = parseGatePolicy(
  Buffer.from(JSON.stringify({ name: "p", requirements: kinds.map((kind) => ({ kind })) })),
);

const odd = fc.oneof(fc.anything({ maxDepth: 3 }), fc.constantFrom(null, [], {}, sha256));
const resource = fc.record({ name: fc.constant("m"), digest: fc.constant(sha256), algorithm: fc.constant("sha256") });
const subject = fc.record({
  digest: fc.oneof(odd, fc.constant({ sha256 })),
  annotations: fc.oneof(odd, fc.constant({ role: "model" })),
});
const statement = fc.record({
  _type: fc.constant("https://in-toto.io/Statement/v1"),
  predicateType: fc.oneof(
    odd,
    fc.constantFrom(modelPredicateType, predicates.scan.type, predicates.robustness.type, predicates.approval.type),
  ),
  subject: fc.oneof(odd, fc.array(fc.oneof(odd, subject), { maxLength: 3 })),
  predicate: fc.oneof(
    odd,
    fc.record({ resources: fc.oneof(odd, fc.array(fc.oneof(odd, resource), { maxLength: 3 })) }),
  ),
});

test("whatever an unsigned bundle says, a gate answers, and nothing of it counts", () => {
  fc.assert(
    fc.property(fc.oneof(odd, statement), fc.boolean(), (value, isKnown) => {
      const payload = Buffer.from(JSON.stringify(value) ?? "").toString("base64");
      const json = {
        mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
        verificationMaterial: { publicKey: { hint: isKnown ? publicKey.id : "" } },
        dsseEnvelope: {
          payload: payload || "AAAA",
          payloadType: "application/vnd.in-toto+json",
          signatures: [{ sig: Buffer.alloc(64).toString("base64") }],
        },
      };
      const exhibit = exhibitOf("e", Buffer.from(JSON.stringify(json)));
      const files = [{ path: "m", sha256 }];
      const { lines } = evaluateGate(policy, [exhibit], { files }, { ring, now: new Date("2026-06-30") });
      for (const { status } of lines) expect(["missing", "untrusted"]).toContain(status);
    }),
    { numRuns },
  );
});

test("whatever the bytes, a policy is read or refused", () => {
  const requirement = fc.record(
    { kind: fc.oneof(odd, fc.constantFrom(...kinds)), metrics: odd, persons: odd, threat: odd, verdicts: odd },
    { requiredKeys: ["kind"] },
  );
  const value = fc.oneof(
    odd,
    fc.record({ name: fc.constant("p"), requirements: fc.oneof(odd, fc.array(requirement)) }),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        value.map((each) => JSON.stringify(each) ?? ""),
      ),
      (text) => {
        try {
          parseGatePolicy(Buffer.from(text));
        } catch (error) {
          expect(error).toBeInstanceOf(EvidenceError);
          expect(error).toMatchObject({ code: "INVALID_POLICY" });
        }
      },
    ),
    { numRuns },
  );
});
