import Type, { type Static } from "typebox";
import type { Immutable } from "./immutable.ts";

const Bound = Type.Union([Type.Number(), Type.Array(Type.Number(), { minItems: 1 })]);

const Range = Type.Object(
  { lower: Bound, upper: Bound },
  {
    additionalProperties: false,
    description: "What values an input can take, before normalisation: one number, or one per feature of a sample.",
  },
);

const Normalisation = Type.Object(
  {
    mean: Type.Array(Type.Number(), { minItems: 1 }),
    standardDeviation: Type.Array(Type.Number(), { minItems: 1 }),
  },
  {
    additionalProperties: false,
    description:
      "(x - mean) / standardDeviation, applied by Casemate before the model; one entry, or one per channel or feature.",
  },
);

const FeatureName = Type.String({ minLength: 1 });

const Formula = Type.Union(
  [
    Type.Object(
      {
        type: Type.Literal("linear"),
        terms: Type.Array(
          Type.Object({ feature: FeatureName, weight: Type.Number() }, { additionalProperties: false }),
          { minItems: 1 },
        ),
        constant: Type.Optional(Type.Number()),
      },
      { additionalProperties: false, description: "constant + the sum of weight times feature." },
    ),
    Type.Object(
      { type: Type.Literal("ratio"), numerator: FeatureName, denominator: FeatureName },
      { additionalProperties: false },
    ),
    Type.Object(
      { type: Type.Literal("product"), factors: Type.Array(FeatureName, { minItems: 2 }) },
      { additionalProperties: false },
    ),
  ],
  { description: "How it follows from other features, in the units of the data; it changes when they do." },
);

const Feature = Type.Object(
  {
    name: FeatureName,
    mutable: Type.Optional(Type.Boolean({ description: "Whether an attacker can change it; true if absent." })),
    range: Type.Optional(Type.Object({ lower: Type.Number(), upper: Type.Number() }, { additionalProperties: false })),
    integer: Type.Optional(Type.Boolean({ description: "Whether it holds whole numbers; false if absent." })),
    direction: Type.Optional(Type.Enum(["up", "down"], { description: "The only way that an attacker can move it." })),
    oneHot: Type.Optional(
      Type.String({ minLength: 1, description: "The group of 0/1 columns that it is of: exactly one of them is 1." }),
    ),
    cost: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        description: "What a change across its range counts in distances, in units of one range; 1 if absent.",
      }),
    ),
    formula: Type.Optional(Formula),
    atMost: Type.Optional(Type.String({ minLength: 1, description: "A feature that it never exceeds." })),
  },
  { additionalProperties: false },
);

const ContractInput = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    dtype: Type.String({ minLength: 1 }),
    shape: Type.Array(Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]), {
      minItems: 1,
      description: "The first axis is the batch; null is free.",
    }),
    kind: Type.Enum(["image", "tabular", "tokens", "embedding"]),
    layout: Type.Optional(Type.Enum(["NCHW", "NHWC"])),
    range: Range,
    normalisation: Type.Optional(Normalisation),
    features: Type.Optional(Type.Array(Feature, { minItems: 1 })),
    mutable: Type.Optional(
      Type.Array(Type.Boolean(), {
        minItems: 1,
        description: "One flag per value of a sample, row-major: whether an attacker can change it.",
      }),
    ),
  },
  { additionalProperties: false },
);
export type ContractInput = Immutable<Static<typeof ContractInput>>;
export type ContractFeature = NonNullable<ContractInput["features"]>[number];

const ContractOutput = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    kind: Type.Enum(["logits", "probabilities", "labels", "logit", "probability"], {
      description: "logit and probability are one number for two classes: that of the second.",
    }),
    classes: Type.Array(Type.String(), { minItems: 2, uniqueItems: true, description: "In the order of the output." }),
  },
  { additionalProperties: false },
);
export type ContractOutput = Immutable<Static<typeof ContractOutput>>;

/** The one description of a model, as written to `<model>.contract.json`. */
export const Contract = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    task: Type.Literal("classification"),
    inputs: Type.Array(ContractInput, { minItems: 1 }),
    output: ContractOutput,
  },
  {
    $id: "https://casemate.dev/schemas/contract/1",
    title: "Casemate model contract",
    description: "What a model takes, what it gives, and what an attacker can change.",
    additionalProperties: false,
  },
);
export type Contract = Immutable<Static<typeof Contract>>;
