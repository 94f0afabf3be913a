import { createHash } from "node:crypto";
import Type, { type Static, type TSchema } from "typebox";
import { canonicalJson } from "../canonical-json.ts";
import { type Envelope, signEnvelope, type VerifyEnvelopeOptions, verifyEnvelope } from "../dsse/envelope.ts";
import { EvidenceError } from "../errors.ts";
import type { Immutable } from "../immutable.ts";
import { parseJson } from "../json.ts";
import type { PublicKey, Signer } from "../keys/signer.ts";
import { assertMeets } from "../violation.ts";

export const statementType = "https://in-toto.io/Statement/v1";
export const statementPayloadType = "application/vnd.in-toto+json";

const MAXIMUM_SUBJECTS = 10_000;

/** Digests of one thing by the names of their algorithms, in lower-case hex. */
export const DigestSet = Type.Record(Type.String(), Type.String({ pattern: "^[0-9a-f]+$", maxLength: 512 }), {
  minProperties: 1,
});

/** What a statement is about, or what it refers to (in-toto's ResourceDescriptor). Unknown members are kept. */
export const Resource = Type.Object({
  name: Type.Optional(Type.String({ maxLength: 4096 })),
  uri: Type.Optional(Type.String({ maxLength: 4096 })),
  digest: Type.Optional(DigestSet),
  mediaType: Type.Optional(Type.String({ maxLength: 200 })),
  downloadLocation: Type.Optional(Type.String({ maxLength: 4096 })),
  annotations: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
export type Resource = Immutable<Static<typeof Resource>>;

const Subject = Type.Intersect([Resource, Type.Object({ digest: DigestSet })]);
export type Subject = Immutable<Static<typeof Subject>>;

/** An in-toto Statement v1 (https://github.com/in-toto/attestation/tree/main/spec/v1): a predicate about subjects. */
export const Statement = Type.Object({
  _type: Type.Literal(statementType),
  subject: Type.Array(Subject, { minItems: 1, maxItems: MAXIMUM_SUBJECTS }),
  predicateType: Type.String({ minLength: 1, maxLength: 1000 }),
  predicate: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

/** `Predicate` is what `predicateType` says; a statement that was only parsed has any. */
export interface Statement<Predicate = Readonly<Record<string, unknown>>> {
  readonly _type: typeof statementType;
  readonly subject: readonly Subject[];
  readonly predicateType: string;
  readonly predicate: Predicate;
}

/** What a subject is to a measurement. In-toto matches subjects by digest alone; the role says which digest is the model's. */
export type SubjectRole = "model" | "data" | "contract";

/** A subject by its SHA-256, with its role as an annotation. */
export function subjectOf(role: SubjectRole, name: string, sha256: string): Subject {
  if (!/^[0-9a-f]{64}$/.test(sha256)) {
    throw new EvidenceError(
      "INVALID_OPTION",
      `${role} ${name}: expected a SHA-256 in lower-case hex, got '${sha256.slice(0, 80)}'`,
    );
  }
  return { name, digest: { sha256 }, annotations: { role } };
}

/** A statement of one predicate. Subjects need a SHA-256 each, and names at most once. Throws INVALID_OPTION. */
export function statementOf<Predicate extends object>(
  subjects: readonly Subject[],
  predicateType: string,
  predicate: Predicate,
): Statement<Predicate> {
  if (subjects.length === 0) throw new EvidenceError("INVALID_OPTION", "statement: expected at least one subject");
  const names = subjects.flatMap(({ name }) => (name === undefined ? [] : [name]));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new EvidenceError("INVALID_OPTION", `statement: two subjects are named '${twice}'`);
  const without = subjects.find(({ digest }) => !/^[0-9a-f]{64}$/.test(digest.sha256 ?? ""));
  if (without !== undefined)
    throw new EvidenceError("INVALID_OPTION", `subject ${without.name ?? "_"}: expected a SHA-256`);
  return { _type: statementType, subject: subjects, predicateType, predicate };
}

/** Signs a statement in canonical JSON. */
export function signStatement<Predicate>(
  statement: Statement<Predicate>,
  signers: readonly Signer[],
): Promise<Envelope> {
  return signEnvelope(statementPayloadType, Buffer.from(canonicalJson(statement)), signers);
}

/** The statement in an envelope that enough of `keys` signed. Throws INVALID_SIGNATURE, MALFORMED. */
export function verifyStatement(
  envelope: Envelope,
  keys: readonly PublicKey[],
  options?: VerifyEnvelopeOptions,
): Statement {
  const { payload, payloadType } = verifyEnvelope(envelope, keys, options);
  return parseStatement(payload, payloadType);
}

/** Reads a statement whose signature was verified. Throws MALFORMED. */
export function parseStatement(payload: Uint8Array, payloadType = statementPayloadType): Statement {
  if (payloadType !== statementPayloadType) {
    throw new EvidenceError(
      "MALFORMED",
      `statement: expected a payload of type ${statementPayloadType}, got ${payloadType.slice(0, 200)}`,
    );
  }
  const value = parseJson(payload, "statement");
  assertMeets(Statement as TSchema, value, "statement");
  return { ...(value as Statement), predicate: (value as Partial<Statement>).predicate ?? {} };
}

/** SHA-256 of the canonical JSON of a value, in hex: parameters and policies are named by it. */
export function digestOf(value: unknown): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex");
}
