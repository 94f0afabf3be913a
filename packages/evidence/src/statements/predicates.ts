import Type, { type Static, type TSchema } from "typebox";
import { EvidenceError } from "../errors.ts";
import type { Immutable } from "../immutable.ts";
import { assertMeets } from "../violation.ts";
import { assertConsistent, type EvidenceRecord, recordMembers } from "./evidence-record.ts";
import { Resource, type Statement, type Subject, statementOf } from "./statement.ts";

const Name = Type.String({ minLength: 1, maxLength: 200 });
const Instant = Type.String({ format: "date-time", maxLength: 40 });
const strict = { additionalProperties: false } as const;

const Robustness = Type.Object(
  {
    ...recordMembers,
    threat: Type.Object(
      {
        norm: Type.Enum(["linf", "l2", "l1", "l0"]),
        epsilons: Type.Array(Type.Number({ minimum: 0 }), { minItems: 1, maxItems: 1000 }),
      },
      { ...strict, description: "How far an attacker may go, in the units of the contract's range." },
    ),
    checks: Type.Array(Type.Object({ id: Name, status: Type.Enum(["completed", "failed"]) }, strict), {
      minItems: 1,
      maxItems: 10_000,
      description: "What was tried. A check that could not run is failed, never completed.",
    }),
    warnings: Type.Array(Name, { maxItems: 1000, description: "Ids of what makes the numbers doubtful." }),
  },
  strict,
);

const Scan = Type.Object(
  {
    ...recordMembers,
    verdict: Type.Enum(["clean", "suspicious", "unscannable", "malicious"], {
      description: "The worst of all files. clean: no known indicator was found, which is not safe.",
    }),
    findings: Type.Array(Type.Object({ rule: Name, severity: Name, count: Type.Integer({ minimum: 1 }) }, strict), {
      maxItems: 10_000,
    }),
  },
  strict,
);

const Performance = Type.Object({ ...recordMembers }, strict);

const Privacy = Type.Object(
  {
    ...recordMembers,
    guarantee: Type.Optional(
      Type.Object(
        { epsilon: Type.Number({ minimum: 0 }), delta: Type.Number({ minimum: 0, maximum: 1 }), unit: Name },
        { ...strict, description: "Differential privacy, and what one unit of it is: an example, a user." },
      ),
    ),
  },
  strict,
);

const Drift = Type.Object(
  {
    ...recordMembers,
    reference: Resource,
    window: Type.Object({ from: Instant, until: Instant }, { ...strict, description: "Which traffic was compared." }),
  },
  strict,
);

const Approval = Type.Object(
  {
    ...recordMembers,
    decision: Type.Enum(["approved", "rejected"]),
    approver: Type.Object({ id: Name, role: Type.Optional(Name) }, strict),
    author: Type.Optional(Type.Object({ id: Name }, { ...strict, description: "Of what is approved: somebody else." })),
    reason: Type.String({ minLength: 1, maxLength: 10_000 }),
    evidence: Type.Array(Resource, { maxItems: 1000, description: "What the approver looked at, by digest." }),
    policy: Type.Optional(Resource),
  },
  strict,
);

const TestResult = Type.Object({
  result: Type.Enum(["PASSED", "WARNED", "FAILED"]),
  configuration: Type.Array(Resource),
  url: Type.Optional(Type.String()),
  passedTests: Type.Optional(Type.Array(Type.String())),
  warnedTests: Type.Optional(Type.Array(Type.String())),
  failedTests: Type.Optional(Type.Array(Type.String())),
});

const Summary = Type.Object({
  verifier: Type.Object({ id: Type.String({ minLength: 1 }), policies: Type.Array(Resource) }),
  timeCreated: Instant,
  properties: Type.Array(Type.String({ minLength: 1 })),
});

const Training = Type.Object({
  buildDefinition: Type.Object({
    buildType: Type.String({ minLength: 1 }),
    externalParameters: Type.Record(Type.String(), Type.Unknown()),
    internalParameters: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    resolvedDependencies: Type.Optional(Type.Array(Resource)),
  }),
  runDetails: Type.Object({
    builder: Type.Object({
      id: Type.String({ minLength: 1 }),
      version: Type.Optional(Type.Record(Type.String(), Type.String())),
      builderDependencies: Type.Optional(Type.Array(Resource)),
    }),
    metadata: Type.Optional(
      Type.Object({
        invocationId: Type.Optional(Type.String()),
        startedOn: Type.Optional(Instant),
        finishedOn: Type.Optional(Instant),
      }),
    ),
    byproducts: Type.Optional(Type.Array(Resource)),
  }),
});

/** Every kind of attestation by its short name: the URI of its predicate, and the predicate's form. */
export const predicates = {
  robustness: { type: "https://casemate.dev/attestation/robustness/v0.1", schema: Robustness },
  scan: { type: "https://casemate.dev/attestation/scan/v0.1", schema: Scan },
  performance: { type: "https://casemate.dev/attestation/performance/v0.1", schema: Performance },
  privacy: { type: "https://casemate.dev/attestation/privacy/v0.1", schema: Privacy },
  drift: { type: "https://casemate.dev/attestation/drift/v0.1", schema: Drift },
  approval: { type: "https://casemate.dev/attestation/approval/v0.1", schema: Approval },
  training: { type: "https://slsa.dev/provenance/v1", schema: Training },
  "test-result": { type: "https://in-toto.io/attestation/test-result/v0.1", schema: TestResult },
  summary: { type: "https://in-toto.io/attestation/svr/v0.2", schema: Summary },
} as const;

export type PredicateKind = keyof typeof predicates;
export type PredicateOf<K extends PredicateKind> = Immutable<Static<(typeof predicates)[K]["schema"]>>;

/** `buildType` of a training run: its external parameters are the recipe, its resolved dependencies data, base model and code. */
export const trainingBuildType = "https://casemate.dev/attestation/training/v0.1";

export const predicateKinds = Object.keys(predicates) as readonly PredicateKind[];

/** A statement that its kind is known of, and whose predicate was checked. */
export type Attestation = {
  [K in PredicateKind]: { readonly kind: K; readonly statement: Statement<PredicateOf<K>> };
}[PredicateKind];

/** A statement of a kind. Throws MALFORMED where the predicate does not meet its schema or contradicts itself. */
export function attestationOf<K extends PredicateKind>(
  kind: K,
  subjects: readonly Subject[],
  predicate: PredicateOf<K>,
): Statement<PredicateOf<K>> {
  assertPredicate(kind, predicate);
  return statementOf(subjects, predicates[kind].type, predicate);
}

/** What kind a statement is of, with its predicate checked. Throws MALFORMED; INVALID_OPTION for a kind that is not known. */
export function attestationIn(statement: Statement): Attestation {
  const kind = predicateKinds.find((each) => predicates[each].type === statement.predicateType);
  if (kind === undefined) {
    throw new EvidenceError("INVALID_OPTION", `statement: predicates of type ${statement.predicateType} are not known`);
  }
  assertPredicate(kind, statement.predicate);
  return { kind, statement } as unknown as Attestation;
}

function assertPredicate(kind: PredicateKind, predicate: unknown): void {
  const where = `${kind} predicate`;
  assertMeets(predicates[kind].schema as TSchema, predicate, where);
  if (!("metrics" in (predicate as object))) return;
  assertConsistent(predicate as EvidenceRecord, where);
  if (kind === "approval") assertDecision(predicate as PredicateOf<"approval">, where);
}

function assertDecision({ decision, result, approver, author }: PredicateOf<"approval">, where: string): void {
  const refuse = (why: string): EvidenceError => new EvidenceError("MALFORMED", `${where}: ${why}`);
  const expected = decision === "approved" ? "passed" : "failed";
  if (result !== expected) throw refuse(`expected result ${expected} where the decision is ${decision}, got ${result}`);
  if (author?.id === approver.id) throw refuse(`${approver.id} cannot approve what is their own`);
}
