import fc from "fast-check";
import { expect, test } from "vitest";
import { EvidenceError } from "../../src/errors.ts";
import { parseCheckpoint } from "../../src/log/checkpoint.ts";
import { mergeSignatures } from "../../src/log/cosignature.ts";
import { parseLogPolicy } from "../../src/log/log-policy.ts";
import { formatSignature, parseNote, parseNoteKey } from "../../src/log/note.ts";
import { formatProof, parseProof } from "../../src/log/proof.ts";
import { bundleOf, parseBundle } from "../../src/log/tiles.ts";
import { parseRequest, Refusal } from "../../src/log/witness.ts";

const numRuns = Number(process.env.CASEMATE_FUZZ_CASES ?? 2000);

const hash = `${"A".repeat(43)}=`;
const pieces = fc.constantFrom(
  "This is an example message.",
  "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=",
  "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
  "— a b",
  "",
  "index 5",
  "extra AAAA",
  "c2sp.org/tlog-proof@v1",
  "example.com/log",
  "7",
  "0",
  hash,
  "old 1",
  "log",
  "witness a",
  "group g any a",
  "quorum none",
  "\ud800",
);
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.array(pieces, { maxLength: 12 }).map((lines) => `${lines.join("\n")}\n`),
  fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join(" ")),
);

test.each<[string, (given: string) => unknown]>([
  ["note", parseNote],
  ["checkpoint", parseCheckpoint],
  ["proof", parseProof],
  ["verifier key", parseNoteKey],
  ["policy", (given) => parseLogPolicy(Buffer.from(given))],
  ["merged note", (given) => mergeSignatures(given, given)],
  ["witness request", parseRequest],
])("whatever the text, a %s is read or refused", (_, parse) => {
  fc.assert(
    fc.property(text, (given) => {
      try {
        parse(given);
      } catch (error) {
        if (!(error instanceof Refusal)) expect(error).toBeInstanceOf(EvidenceError);
      }
    }),
    { numRuns },
  );
});

test("whatever the bytes, a bundle of entries is read, and then it is those bytes, or refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(5), (given, width) => {
      try {
        expect(bundleOf(parseBundle(Buffer.from(given), width))).toEqual(Buffer.from(given));
      } catch (error) {
        expect(error).toMatchObject({ code: "MALFORMED" });
      }
    }),
    { numRuns },
  );
});

test("notes and proofs are read as they were written", () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 100 }).map((each) => Buffer.from(each));
  const signature = fc.record({
    name: fc.constantFrom("a", "example.com/é"),
    hash: fc.constant("00ff00ff"),
    signature: bytes,
  });
  const path = fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 64 });
  fc.assert(
    fc.property(
      fc.array(signature, { minLength: 1, maxLength: 16 }),
      path,
      fc.nat(),
      fc.option(bytes, { nil: undefined }),
      (signatures, hashes, index, extra) => {
        const note = `a\n\nb\n\n${signatures.map(formatSignature).join("")}`;
        expect(parseNote(note)).toEqual({ text: "a\n\nb\n", signatures });
        const proof = {
          index,
          path: hashes.map((each) => Buffer.from(each)),
          checkpoint: note,
          ...(extra && { extra }),
        };
        expect(parseProof(formatProof(proof))).toEqual(proof);
      },
    ),
    { numRuns: numRuns / 10 },
  );
});
