import { sizeOf, type Tensor } from "@casemate/tensor";
import { AttackError } from "../errors.ts";
import type { Classifier, GradientClassifier } from "../models/classifier.ts";
import type { Threat } from "../threats/threat.ts";
import type { RunOptions } from "./run.ts";
import { newRecord, type SampleRecord } from "./sample-record.ts";
import { isWithin } from "./verify.ts";

/** Checks what a run was asked for and makes the record of each sample. Throws an AttackError that says where it is wrong. */
export function check(
  model: Classifier,
  x: Tensor,
  labels: ArrayLike<number>,
  ladder: readonly Threat[],
  { attack, criterion, indices, batchSize = 1 }: RunOptions,
): SampleRecord[] {
  const { inputShape, classes, bounds } = model;
  const width = sizeOf(inputShape);
  const [samples = 0, ...shape] = x.shape;
  if (shape.join() !== inputShape.join() || x.data.length !== samples * width) {
    throw new AttackError("SHAPE_MISMATCH", `run: expected x of shape [samples, ${inputShape}], got [${x.shape}]`);
  }
  const lengths = { labels, indices, targets: criterion?.type === "targeted" ? criterion.targets : undefined };
  for (const [name, list] of Object.entries(lengths)) {
    if (list && list.length !== samples) {
      throw new AttackError("SHAPE_MISMATCH", `run: expected ${samples} ${name}, got ${list.length}`);
    }
  }
  if (ladder.length === 0) throw new AttackError("INVALID_OPTION", "run: expected at least one epsilon, got none");
  if (!(Number.isInteger(batchSize) && batchSize > 0)) {
    throw new AttackError("INVALID_OPTION", `run: expected a batch size of at least 1, got ${batchSize}`);
  }
  for (const threat of ladder) {
    const { norm, epsilon, mask, constraints } = threat;
    if (!attack.norms.includes(norm)) {
      const known = attack.norms.join(", ");
      throw new AttackError("UNSUPPORTED_THREAT", `${attack.name}: expected a norm of ${known}, got ${norm}`);
    }
    if ((mask || constraints) && attack.aim === "anywhere") {
      throw new AttackError(
        "UNSUPPORTED_THREAT",
        `${attack.name}: expected a threat without a mask or constraints, got one with`,
      );
    }
    const obstacle = attack.obstacle?.(model, threat);
    if (obstacle !== undefined) throw new AttackError("UNSUPPORTED_THREAT", `${attack.name}: ${obstacle}`);
    const features = typeof epsilon === "number" ? (mask?.length ?? width) : epsilon.length;
    if (features !== width) {
      throw new AttackError("SHAPE_MISMATCH", `threat: expected values for ${width} features, got ${features}`);
    }
  }
  if (attack.access === "gradient" && typeof (model as Partial<GradientClassifier>).lossGradient !== "function") {
    throw new AttackError("UNSUPPORTED_MODEL", `${attack.name}: expected a model with gradients, got one without`);
  }
  const targets = criterion?.type === "targeted" ? criterion.targets : undefined;
  return Array.from({ length: samples }, (_, row) => {
    const label = classOf("label", labels[row]!, row, classes);
    const target = targets && classOf("target", targets[row]!, row, classes);
    if (target === label) {
      throw new AttackError("INVALID_OPTION", `run: expected a target other than the label ${label} for sample ${row}`);
    }
    const input = x.data.subarray(row * width, (row + 1) * width);
    if (!isWithin(input, bounds)) throw new AttackError("OUT_OF_BOUNDS", outOfBounds(input, row, model));
    return newRecord(indices ? indices[row]! : row, label, target, input);
  });
}

function classOf(kind: string, value: number, row: number, classes: number): number {
  if (Number.isInteger(value) && value >= 0 && value < classes) return value;
  const expected = `a ${kind} from 0 to ${classes - 1}`;
  throw new AttackError("INVALID_OPTION", `run: expected ${expected} for sample ${row}, got ${value}`);
}

function outOfBounds(input: Float32Array, row: number, { bounds }: Classifier): string {
  const first = input.findIndex((_, j) => {
    const at = (bound: number | Float32Array) => (typeof bound === "number" ? bound : bound[j]!);
    return !isWithin(input.subarray(j, j + 1), { lower: at(bounds.lower), upper: at(bounds.upper) });
  });
  const { lower, upper } = bounds;
  const range = typeof lower === "number" && typeof upper === "number" ? ` [${lower}, ${upper}]` : "";
  return `run: expected features within the model's bounds${range}, got ${input[first]} at feature ${first} of sample ${row}`;
}
