import Type, { type Static } from "typebox";
import type { Immutable } from "./immutable.ts";

const Pattern = Type.String({ minLength: 1, description: 'A name; "*" stands for any run of characters.' });

export const MetricRule = Type.Object(
  {
    subject: Type.Optional(Pattern),
    check: Pattern,
    metric: Type.String({ minLength: 1 }),
    atLeast: Type.Optional(Type.Number()),
    atMost: Type.Optional(Type.Number()),
    use: Type.Optional(
      Type.Enum(["value", "lower", "upper"], {
        description: "The value itself (if absent), or an end of its confidence interval.",
      }),
    ),
  },
  {
    additionalProperties: false,
    anyOf: [{ required: ["atLeast"] }, { required: ["atMost"] }],
    description: "A threshold on a metric of every check that matches.",
  },
);
export type MetricRule = Immutable<Static<typeof MetricRule>>;

export const StatusRule = Type.Object(
  { subject: Type.Optional(Pattern), check: Pattern, status: Type.Literal("completed") },
  { additionalProperties: false, description: "Every check that matches ran to its end." },
);
export type StatusRule = Immutable<Static<typeof StatusRule>>;

export const WarningsRule = Type.Object(
  {
    subject: Type.Optional(Pattern),
    check: Type.Optional(Pattern),
    warnings: Type.Literal("none"),
    except: Type.Optional(Type.Array(Type.String(), { description: "Ids of warnings that are accepted." })),
  },
  { additionalProperties: false, description: "No check that matches gave a warning." },
);
export type WarningsRule = Immutable<Static<typeof WarningsRule>>;

export const RegressionRule = Type.Object(
  {
    subject: Type.Optional(Pattern),
    regressions: Type.Literal("none"),
    metric: Type.Optional(Type.Enum(["accuracy.clean", "accuracy.robust"], { description: "Both if absent." })),
  },
  { additionalProperties: false, description: "No model that matches is shown to be worse than the audit's first." },
);
export type RegressionRule = Immutable<Static<typeof RegressionRule>>;

export type GateRule = MetricRule | StatusRule | WarningsRule | RegressionRule;

/** What a release must meet. Every rule must be met, and a rule that matches nothing is not met. */
export const GateFile = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    rules: Type.Array(Type.Union([MetricRule, StatusRule, WarningsRule, RegressionRule]), { minItems: 1 }),
  },
  {
    $id: "https://casemate.dev/schemas/gate/1",
    title: "Casemate gate",
    description: "What a release must meet. Every rule must be met, and a rule that matches nothing is not met.",
    additionalProperties: false,
  },
);
