import { type Tensor, takeRows } from "@casemate/tensor";
import type { Attack } from "./attack.ts";
import type { SampleResult } from "./engine/result.ts";
import type { Classifier } from "./models/classifier.ts";
import type { BallNorm } from "./threats/threat.ts";

/** A sign that an evaluation says less than it seems to. */
export interface ValidityWarning {
  readonly id: ValidityWarningId;
  readonly message: string;
  /** Where the documentation explains it. */
  readonly documentation: string;
}

export type ValidityWarningId = (typeof validityWarningIds)[number];

/** Every warning there is; each is a paragraph of docs/guide/validity.md. */
export const validityWarningIds = [
  "randomised-model",
  "probabilities",
  "margin-ties",
  "too-few-classes",
  "zero-gradients",
  "black-box-wins",
  "gradient-masking",
  "dynamic-model",
] as const;

/** What an attack did to each sample at one threat; an AttackResult is one. */
export interface Evidence {
  readonly attack: Pick<Attack, "name" | "access" | "aim" | "parameters">;
  readonly norm: BallNorm;
  /** The verdicts are about the last. */
  readonly epsilons: readonly number[];
  readonly samples: readonly Pick<SampleResult, "sample" | "status" | "stage">[];
}

/**
 * Whether the model answers the same input differently: five runs whose logits differ by more than 1e-4 of the length of
 * their row. AutoAttack's check compares rows of unit length, and so does not see two classes whose logits mirror each other.
 */
export async function randomisedModel(model: Classifier, x: Tensor): Promise<ValidityWarning | undefined> {
  const runs: Float32Array[] = [];
  for (let repeat = 0; repeat < 5; repeat++) {
    const parts: number[] = [];
    for (let start = 0; start < x.shape[0]!; start += 64) {
      const rows = Array.from({ length: Math.min(64, x.shape[0]! - start) }, (_, i) => start + i);
      const { data } = await model.logits(takeRows(x, rows));
      parts.push(...data);
    }
    runs.push(Float32Array.from(parts));
  }
  let largest = 0;
  for (const [index, one] of runs.entries()) {
    for (const other of runs.slice(index + 1)) {
      for (let start = 0; start < one.length; start += model.classes) {
        let change = 0;
        let length = 0;
        for (let i = start; i < start + model.classes; i++) {
          change += (one[i]! - other[i]!) ** 2;
          length += one[i]! ** 2;
        }
        if (change > 0) largest = Math.max(largest, Math.sqrt(change / (length + 1e-20)));
      }
    }
  }
  if (largest <= 1e-4) return undefined;
  return warning("randomised-model", `the model answers the same input differently (by ${largest.toPrecision(2)})`);
}

/** Whether the scores are probabilities: all within [0, 1] and each row adding up to 1, to 1e-5 (AutoAttack's check). */
export function outputsAreProbabilities({ shape, data }: Tensor): ValidityWarning | undefined {
  const [rows, classes] = shape as readonly [number, number];
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (const value of data.subarray(row * classes, (row + 1) * classes)) {
      if (!(value >= -1e-5 && value <= 1 + 1e-5)) return undefined;
      sum += value;
    }
    if (Math.abs(sum - 1) > 1e-5) return undefined;
  }
  return rows === 0 ? undefined : warning("probabilities", "the scores look like probabilities, not logits");
}

/** Whether the two best scores of at least 1 % of the samples are equal. */
export function marginTies({ shape, data }: Tensor): ValidityWarning | undefined {
  const [rows, classes] = shape as readonly [number, number];
  let ties = 0;
  for (let row = 0; row < rows; row++) {
    const [first, second] = data
      .slice(row * classes, (row + 1) * classes)
      .sort()
      .reverse();
    if (first === second) ties++;
  }
  if (ties === 0 || ties < 0.01 * rows) return undefined;
  return warning("margin-ties", `the two best scores are equal for ${ties} of ${rows} samples`);
}

/** Whether the model has too few classes for the DLR loss, so that its margin took the place. */
export function tooFewClasses(
  { classes }: Pick<Classifier, "classes">,
  isTargeted = false,
): ValidityWarning | undefined {
  const needed = isTargeted ? 4 : 3;
  if (classes >= needed) return undefined;
  const loss = isTargeted ? "targeted DLR loss" : "DLR loss";
  return warning(
    "too-few-classes",
    `the ${loss} needs ${needed} classes and the model has ${classes}: the margin was used`,
  );
}

/** Whether samples have a gradient that is zero everywhere, so that gradient attacks could not move them. */
export function zeroGradients({
  count,
  of,
}: {
  readonly count: number;
  readonly of: number;
}): ValidityWarning | undefined {
  if (count === 0) return undefined;
  return warning("zero-gradients", `the gradient is zero everywhere for ${count} of ${of} samples`);
}

/**
 * Whether the graph computes anew for each input how it answers: loops and branches, in which a defence can optimise at inference,
 * or random numbers. `operators` are the names of those in the graph. AutoAttack's check looks for gradients taken at inference,
 * which an ONNX graph cannot do.
 */
export function dynamicModel(operators: Iterable<string>): ValidityWarning | undefined {
  const found = [...new Set(operators)].filter((name) => dynamicOperators.includes(name)).sort();
  if (found.length === 0) return undefined;
  return warning("dynamic-model", `the model decides at inference how to compute its answer (${found.join(", ")})`);
}

const dynamicOperators = [
  ...["If", "Loop", "Scan"],
  ...["Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"],
];

/**
 * Whether black-box attacks break more than 0.2 % of the samples that no gradient attack at the same threat broke, or Square as
 * a member of an assembly breaks as many that the members with gradients left.
 */
export function blackBoxWins(evidence: readonly Evidence[]): ValidityWarning | undefined {
  for (const { attack, samples } of evidence) {
    const attacked = samples.filter(({ status }) => status !== "failed");
    const won = attacked.filter(({ status, stage }) => status === "broken" && stage === "Square").length;
    if (won <= 0.002 * attacked.length) continue;
    const count = `${won} of ${attacked.length} samples`;
    return warning(
      "black-box-wins",
      `in ${attack.name}, Square broke ${count} without gradients after all stages with them`,
    );
  }
  for (const blackBox of evidence.filter(({ attack }) => attack.access !== "gradient" && attack.aim !== "anywhere")) {
    const whiteBox = evidence.filter((each) => each.attack.access === "gradient" && isSameThreat(each, blackBox));
    if (whiteBox.length === 0) continue;
    const shared = sharedBy([blackBox, ...whiteBox]);
    const broken = whiteBox.map(brokenBy);
    const won = [...brokenBy(blackBox)].filter(
      (sample) => shared.has(sample) && !broken.some((each) => each.has(sample)),
    );
    if (won.length <= 0.002 * shared.size) continue;
    const names = whiteBox.map(({ attack }) => attack.name).join(", ");
    const count = `${won.length} of ${shared.size} samples`;
    return warning(
      "black-box-wins",
      `${blackBox.attack.name}, without gradients, broke ${count} that ${names} did not`,
    );
  }
  return undefined;
}

/**
 * Whether gradients mislead: APGD, FAB, Square or AutoAttack breaks at least 10 % of the samples more than PGD did at the same
 * threat, or 30 % more than FGSM, whose one step is weaker on any model; or more steps of FGSM and PGD break fewer, by at
 * least 1 %. Compared on the samples that both attacked.
 */
export function gradientMasking(evidence: readonly Evidence[]): readonly ValidityWarning[] {
  const oneLine = evidence.filter(({ attack }) => attack.name in simpleAttacks);
  const strong = evidence.filter(({ attack }) => /^(APGD|Auto|FAB|Square)/.test(attack.name));
  const gaps = oneLine.flatMap((weaker) =>
    strong
      .filter((each) => isSameThreat(each, weaker))
      .map((stronger) => ({ weaker, stronger, limit: stepsOf(weaker) === 1 ? 0.3 : 0.1 })),
  );
  const reversals = oneLine.flatMap((more) =>
    oneLine
      .filter((fewer) => isSameThreat(fewer, more) && stepsOf(fewer) < stepsOf(more))
      .map((fewer) => ({ weaker: more, stronger: fewer, limit: 0.01 })),
  );
  const found = [...gaps, ...reversals].flatMap(({ weaker, stronger, limit }) => {
    const shared = sharedBy([weaker, stronger]);
    const [low, high] = [weaker, stronger].map(
      (each) => [...brokenBy(each)].filter((sample) => shared.has(sample)).length,
    );
    return shared.size > 0 && high! - low! >= limit * shared.size
      ? [{ weaker, stronger, low, high, of: shared.size }]
      : [];
  });
  return found.map(({ weaker, stronger, low, high, of }) =>
    warning(
      "gradient-masking",
      `${described(stronger)} broke ${high} of ${of} samples where ${described(weaker)} broke ${low}: the gradients mislead`,
    ),
  );
}

/** Attacks that follow the gradient in a plain way, which masking misleads. */
const simpleAttacks: Readonly<Record<string, true>> = { FGSM: true, BIM: true, PGD: true, "MI-FGSM": true };

function described({ attack }: Evidence): string {
  return attack.name in simpleAttacks && attack.name !== "FGSM"
    ? `${attack.name} with ${stepsOf({ attack })} steps`
    : attack.name;
}

function stepsOf({ attack }: Pick<Evidence, "attack">): number {
  return typeof attack.parameters.steps === "number" ? attack.parameters.steps : 1;
}

function isSameThreat(one: Evidence, other: Evidence): boolean {
  return one.norm === other.norm && one.epsilons.at(-1) === other.epsilons.at(-1);
}

/** The samples that all of these attacked to an end. */
function sharedBy(evidence: readonly Evidence[]): Set<number> {
  const finished = evidence.map(
    ({ samples }) => new Set(samples.filter(({ status }) => status !== "failed").map(({ sample }) => sample)),
  );
  return new Set([...finished[0]!].filter((sample) => finished.every((each) => each.has(sample))));
}

function brokenBy({ samples }: Evidence): Set<number> {
  return new Set(samples.filter(({ status }) => status === "broken").map(({ sample }) => sample));
}

function warning(id: ValidityWarningId, message: string): ValidityWarning {
  return { id, message, documentation: `docs/guide/validity.md#${id}` };
}
