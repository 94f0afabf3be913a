import { FileReport } from "@casemate/scan";
import Type, { type Static } from "typebox";
import type { Immutable } from "./schemas/immutable.ts";

/** Of a perturbation, in the units of the contract's range. */
const Norm = Type.Enum(["linf", "l2", "l1", "l0"]);
export type Norm = Static<typeof Norm>;

const Count = Type.Integer({ minimum: 0 });
const Proportion = Type.Number({ minimum: 0, maximum: 1 });
const Sha256 = Type.String({ pattern: "^[0-9a-f]{64}$" });
const Shape = Type.Array(Type.Union([Type.Number(), Type.String(), Type.Null()]), {
  description: "A number is fixed, a string is a symbol, null is unknown.",
});

const AuditSettings = Type.Object(
  {
    profile: Type.Enum(["quick", "standard", "thorough"]),
    attacks: Type.Optional(Type.Array(Type.String(), { description: "Chosen by id, instead of the profile's." })),
    seed: Type.Number(),
    epsilons: Type.Array(Type.Number()),
    norm: Norm,
    budget: Type.Optional(
      Type.Object({ seconds: Type.Optional(Type.Number()), queries: Type.Optional(Type.Number()) }),
    ),
    device: Type.String(),
    threads: Type.Number(),
    command: Type.String({ description: "The command line as it would be typed again." }),
    environment: Type.Object({ node: Type.String(), platform: Type.String(), onnxruntime: Type.String() }),
  },
  { description: "Everything needed to reproduce the run." },
);
export type AuditSettings = Immutable<Static<typeof AuditSettings>>;

const ValueReport = Type.Object({ name: Type.String(), dtype: Type.String(), shape: Shape });

const ModelReport = Type.Object({
  path: Type.String(),
  sha256: Sha256,
  bytes: Count,
  irVersion: Type.Number(),
  opset: Type.Number(),
  producer: Type.String(),
  parameters: Count,
  inputs: Type.Array(ValueReport),
  outputs: Type.Array(ValueReport),
  operators: Type.Array(
    Type.Object({
      name: Type.String(),
      count: Count,
      gradient: Type.Enum(["exact", "zero", "straight-through", "none"]),
    }),
  ),
});
export type ModelReport = Immutable<Static<typeof ModelReport>>;

const DataReport = Type.Object({
  path: Type.String(),
  sha256: Sha256,
  samples: Count,
  shape: Type.Array(Type.Number(), { description: "Of one sample." }),
});
export type DataReport = Immutable<Static<typeof DataReport>>;

const Metric = Type.Object(
  {
    name: Type.String({ description: 'Stable and unique within the check: "accuracy.clean", "accuracy.robust".' }),
    value: Type.Number(),
    unit: Type.Enum(["proportion", "count", "distance", "ratio", "nats", "seconds"]),
    count: Type.Optional(Count),
    of: Type.Optional(Count),
    interval: Type.Optional(Type.Object({ lower: Type.Number(), upper: Type.Number(), confidence: Proportion })),
  },
  {
    description:
      "A number with its name, and for a proportion the counts and the Clopper-Pearson interval behind it. Proportions run from 0 to 1.",
  },
);
export type Metric = Immutable<Static<typeof Metric>>;

const Warning = Type.Object({
  id: Type.String({ description: 'Stable: "gradient-masking", "zero-gradients", …' }),
  message: Type.String({ description: "What was seen, with its numbers." }),
  meaning: Type.Optional(Type.String({ description: "What it means for the reader of the report." })),
  documentation: Type.String({ description: "Anchor in docs/guide/validity.md that explains it." }),
});
export type Warning = Immutable<Static<typeof Warning>>;

const AttackReport = Type.Object({
  access: Type.Enum(["gradient", "score", "decision"], { description: "What the attacker sees of the model." }),
  norm: Norm,
  epsilon: Type.Number({ description: "The radius that the verdict is about." }),
  broken: Count,
  robust: Count,
  wrong: Type.Integer({ minimum: 0, description: "Misclassified before any attack." }),
  failed: Count,
  curve: Type.Array(
    Type.Object({ epsilon: Type.Number(), accuracy: Proportion, lower: Proportion, upper: Proportion }),
    { description: "Accuracy after the attack at each radius, 0 included." },
  ),
  distances: Type.Optional(
    Type.Object(
      {
        quantiles: Type.Array(Type.Number()),
        histogram: Type.Array(Type.Object({ from: Type.Number(), to: Type.Number(), count: Count })),
      },
      {
        description:
          "Over the broken samples: size of the perturbation in `norm`, at the quantiles 0, .1, .25, .5, .75, .9, 1.",
      },
    ),
  ),
  borderline: Type.Integer({ minimum: 0, description: "Samples whose verdict hangs on a margin below 1e-4." }),
});
export type AttackReport = Immutable<Static<typeof AttackReport>>;

const CheckReport = Type.Object(
  {
    id: Type.String(),
    title: Type.String(),
    kind: Type.Enum(["inspection", "accuracy", "attack", "validity"]),
    status: Type.Enum(["completed", "failed"]),
    error: Type.Optional(Type.String()),
    citation: Type.Object({ text: Type.String(), url: Type.String() }),
    taxonomy: Type.Object({
      owasp: Type.Array(Type.String()),
      atlas: Type.Array(Type.String()),
      nist: Type.Array(Type.String()),
    }),
    parameters: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()])),
    seconds: Type.Number(),
    queries: Type.Object({ forward: Count, backward: Count }),
    metrics: Type.Array(Metric),
    warnings: Type.Array(Warning),
    notes: Type.Optional(
      Type.Array(Type.String(), { description: "What was done, and why, where that was decided on the way." }),
    ),
    attack: Type.Optional(AttackReport),
  },
  { description: 'One named measurement. A check that could not run is "failed", never "completed".' },
);
export type CheckReport = Immutable<Static<typeof CheckReport>>;

const ClassRow = Type.Object(
  {
    name: Type.String(),
    samples: Count,
    clean: Proportion,
    robust: Proportion,
    becomes: Type.Optional(Type.String({ description: "The class that its broken samples most often turn into." })),
  },
  { description: "Accuracy of one class: clean, and after the strongest attack at the main epsilon." },
);
export type ClassRow = Immutable<Static<typeof ClassRow>>;

const PredictionPicture = Type.Object({
  image: Type.Optional(Type.String()),
  prediction: Type.String(),
  confidence: Type.Number(),
});

const GalleryItem = Type.Object(
  {
    sample: Count,
    check: Type.String(),
    label: Type.String(),
    original: PredictionPicture,
    adversarial: PredictionPicture,
    perturbation: Type.Object({
      image: Type.Optional(Type.String()),
      distance: Type.Number(),
      scale: Type.Optional(
        Type.Number({ description: "The change that the picture's black and white stand for; mid grey is none." }),
      ),
    }),
    changes: Type.Optional(
      Type.Array(Type.Object({ feature: Type.String(), from: Type.Number(), to: Type.Number() }), {
        description: "For tables: the features that changed most.",
      }),
    ),
  },
  { description: "One sample before and after. Pictures are PNG data URLs; absent for tables." },
);
export type GalleryItem = Immutable<Static<typeof GalleryItem>>;

const SubjectReport = Type.Object({
  name: Type.String(),
  model: ModelReport,
  data: DataReport,
  contract: Type.Unknown({ description: "The contract in force, after what was inferred was filled in." }),
  assumptions: Type.Array(Type.String(), {
    description: "One sentence per thing that was inferred or edited: bounds, output kind, layers that were cut.",
  }),
  scan: Type.Optional(FileReport),
  checks: Type.Array(CheckReport),
  notRun: Type.Array(Type.String(), {
    description: "Planned checks that did not run, because the audit ended early.",
  }),
  perClass: Type.Array(ClassRow),
  gallery: Type.Array(GalleryItem),
});
export type SubjectReport = Immutable<Static<typeof SubjectReport>>;

const ComparisonReport = Type.Object(
  {
    baseline: Type.String({ description: "Name of the model that the other is held to: the first of the audit." }),
    candidate: Type.String(),
    metric: Type.Enum(["accuracy.clean", "accuracy.robust"]),
    samples: Type.Integer({ minimum: 1, description: "That both were measured on." }),
    both: Type.Integer({ minimum: 0, description: "Samples that both get right; the next three add up to the rest." }),
    onlyBaseline: Count,
    onlyCandidate: Count,
    neither: Count,
    difference: Type.Number({ description: "The candidate's proportion less the baseline's." }),
    interval: Type.Object({ lower: Type.Number(), upper: Type.Number(), confidence: Proportion }),
    pValue: Type.Number({ minimum: 0, maximum: 1, description: "McNemar's exact test, two-sided." }),
    verdict: Type.Enum(["better", "worse", "no difference shown"], {
      description: "Of the candidate; a difference is shown where the p-value is below 0.05.",
    }),
    samplesToSee: Type.Array(Type.Object({ difference: Proportion, samples: Count }), {
      description: "How many samples show a difference four times out of five, if the two disagree as often as here.",
    }),
  },
  { description: "Two models on the same samples, pair by pair." },
);
export type ComparisonReport = Immutable<Static<typeof ComparisonReport>>;

const GateResult = Type.Object({
  path: Type.String(),
  met: Type.Boolean(),
  rules: Type.Array(
    Type.Object({
      subject: Type.String(),
      rule: Type.String(),
      met: Type.Boolean(),
      actual: Type.Optional(Type.Number()),
      reason: Type.String({
        description: 'Why, in words: "accuracy.robust of pgd is 0.12, below the 0.8 that the gate asks for".',
      }),
    }),
  ),
});
export type GateResult = Immutable<Static<typeof GateResult>>;

/** What an audit found, as written to report.json. Everything else (HTML, SARIF, JUnit, gate) is derived from it. */
export const AuditReport = Type.Object(
  {
    schema: Type.Literal("https://casemate.dev/schemas/audit-report/1"),
    tool: Type.Object({ name: Type.Literal("casemate"), version: Type.String() }),
    status: Type.Enum(["complete", "partial"], {
      description: '"partial" when a signal, the budget or a crash ended the run before its last check.',
    }),
    interruption: Type.Optional(
      Type.Object({ reason: Type.Enum(["signal", "budget", "crash"]), message: Type.String() }),
    ),
    startedAt: Type.String({ description: "ISO 8601, UTC." }),
    finishedAt: Type.String({ description: "ISO 8601, UTC." }),
    settings: AuditSettings,
    subjects: Type.Array(SubjectReport, {
      description: "The models, in the order given; the report compares them side by side.",
    }),
    comparisons: Type.Optional(
      Type.Array(ComparisonReport, {
        description: "The first model with each of the others; absent for a single model.",
      }),
    ),
    gate: Type.Optional(GateResult),
  },
  {
    $id: "https://casemate.dev/schemas/audit-report/1",
    title: "Casemate audit report",
    description: "What an audit found. HTML, SARIF, JUnit and the gate's verdict are derived from it.",
  },
);
export type AuditReport = Immutable<Static<typeof AuditReport>>;
