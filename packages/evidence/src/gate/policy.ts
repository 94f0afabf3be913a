import Type, { type Static } from "typebox";
import { EvidenceError } from "../errors.ts";
import type { Immutable } from "../immutable.ts";
import { parseJson } from "../json.ts";
import { predicateKinds } from "../statements/predicates.ts";
import { assertMeets } from "../violation.ts";

const Name = Type.String({ minLength: 1, maxLength: 200 });

const MetricRule = Type.Object(
  {
    metric: Name,
    atLeast: Type.Optional(Type.Number()),
    atMost: Type.Optional(Type.Number()),
    use: Type.Optional(
      Type.Enum(["value", "lower", "upper"], { description: "The value (if absent), or an end of its interval." }),
    ),
    fixedBeforehand: Type.Optional(
      Type.Boolean({
        description:
          "Whether the evidence must hold a threshold as strict as this, approved before the measurement started.",
      }),
    ),
  },
  { additionalProperties: false },
);
export type MetricRule = Immutable<Static<typeof MetricRule>>;

const Requirement = Type.Object(
  {
    kind: Type.Enum(["model", ...predicateKinds], {
      description: "Of attestation; model is a signature on the model's files.",
    }),
    name: Type.Optional(Name),
    metrics: Type.Optional(Type.Array(MetricRule, { maxItems: 100 })),
    verdicts: Type.Optional(
      Type.Array(Type.Enum(["clean", "suspicious", "unscannable", "malicious"]), {
        minItems: 1,
        maxItems: 4,
        description: "Of scans, that are enough; clean if absent.",
      }),
    ),
    results: Type.Optional(
      Type.Array(Type.Enum(["passed", "warned", "failed", "measured"]), {
        minItems: 1,
        maxItems: 4,
        description: "That are enough; all but failed if absent.",
      }),
    ),
    threat: Type.Optional(
      Type.Object(
        { norm: Type.Enum(["linf", "l2", "l1", "l0"]), epsilon: Type.Number({ minimum: 0 }) },
        {
          additionalProperties: false,
          description: "Of robustness: the attacker had at least so much, in the units of the contract's range.",
        },
      ),
    ),
    checks: Type.Optional(
      Type.Array(Name, {
        minItems: 1,
        maxItems: 100,
        description: "Of robustness: ids of checks that were completed.",
      }),
    ),
    maximumAgeDays: Type.Optional(Type.Number({ exclusiveMinimum: 0, description: "Since the measurement ended." })),
    signers: Type.Optional(
      Type.Array(Name, { minItems: 1, maxItems: 100, description: "Ids or names of keys; any trusted key if absent." }),
    ),
    data: Type.Optional(
      Type.String({ pattern: "^[0-9a-f]{64}$", description: "SHA-256 of the data set that it must be measured on." }),
    ),
    persons: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100,
        description: "How many different persons must approve, none of them the author; 1 if absent.",
      }),
    ),
    onBehalf: Type.Optional(
      Type.Array(Name, {
        maxItems: 100,
        description:
          "Ids or names of keys that sign the approvals of other persons, such as a registry's. Any other key speaks for the person that it is named after.",
      }),
    ),
    minimumSamples: Type.Optional(Type.Integer({ minimum: 1, description: "n of each metric that is asked for." })),
  },
  { additionalProperties: false },
);
export type Requirement = Immutable<Static<typeof Requirement>>;

/** What evidence a model needs to pass. Every requirement must be met. */
export const GatePolicy = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    name: Name,
    requirements: Type.Array(Requirement, { maxItems: 100 }),
    log: Type.Optional(Type.Boolean({ description: "Whether evidence counts only if a transparency log has it." })),
  },
  {
    $id: "https://casemate.dev/schemas/gate-policy/1",
    title: "Casemate gate policy",
    description: "What evidence a model needs to pass. Every requirement must be met.",
    additionalProperties: false,
  },
);
export type GatePolicy = Immutable<Static<typeof GatePolicy>>;

/** Reads a policy. Throws INVALID_POLICY with the place. */
export function parseGatePolicy(bytes: Uint8Array, where = "policy"): GatePolicy {
  let policy: GatePolicy;
  try {
    const value = parseJson(bytes, where);
    assertMeets(GatePolicy, value, where);
    policy = value as GatePolicy;
  } catch (cause) {
    if (cause instanceof EvidenceError) throw new EvidenceError("INVALID_POLICY", cause.message, { cause });
    throw cause;
  }
  policy.requirements.forEach(({ metrics = [], kind, verdicts, persons, onBehalf, threat, checks }, index) => {
    const place = `${where}: requirements/${index}`;
    const open = metrics.find(({ atLeast, atMost }) => atLeast === undefined && atMost === undefined);
    if (open !== undefined)
      throw new EvidenceError("INVALID_POLICY", `${place}: ${open.metric}: expected atLeast or atMost`);
    if (verdicts !== undefined && kind !== "scan")
      throw new EvidenceError("INVALID_POLICY", `${place}: only scans have verdicts, not ${kind}`);
    if ((threat ?? checks) !== undefined && kind !== "robustness")
      throw new EvidenceError("INVALID_POLICY", `${place}: only robustness has a threat and checks, not ${kind}`);
    if ((persons ?? onBehalf) !== undefined && kind !== "approval")
      throw new EvidenceError("INVALID_POLICY", `${place}: only approvals are given by persons, not ${kind}`);
  });
  return policy;
}
