import { DataError, type Dataset, type ReadOptions, readDataset } from "@casemate/data";
import { type Tensor, tensor } from "@casemate/tensor";
import { AuditError } from "./errors.ts";
import { brokenRule, featureRules } from "./feature-rules.ts";
import { boundsOf } from "./input-bounds.ts";
import type { DataReport } from "./report.ts";
import type { Contract } from "./schemas/contract.ts";

/** Labelled samples as a contract describes them. */
export interface Samples {
  readonly x: Tensor;
  /** Positions in the contract's list of classes. */
  readonly labels: Int32Array;
  readonly report: DataReport;
  /** What was done to the numbers that nobody asked for. */
  readonly assumptions: readonly string[];
}

/** How samples are read: `readSamples`, or what remembers what it has read. */
export type ReadSamples = (path: string, options?: ReadOptions) => Promise<Dataset>;

/** Reads a data set. Throws INVALID_DATA with the path and what is wrong. */
export async function readSamples(path: string, options: ReadOptions = {}): Promise<Dataset> {
  try {
    return await readDataset(path, options);
  } catch (cause) {
    if (!(cause instanceof DataError)) throw cause;
    const message = cause.message.startsWith(path) ? cause.message : `${path}: ${cause.message}`;
    throw new AuditError("INVALID_DATA", message, { cause });
  }
}

/** Reads a data set and holds it to a contract: shape, range and labels. Throws INVALID_DATA. */
export async function openSamples(path: string, contract: Contract, read: ReadSamples): Promise<Samples> {
  const { layout } = contract.inputs[0]!;
  const found = await read(path, layout && { layout });
  const refuse = (message: string): AuditError => new AuditError("INVALID_DATA", `${path}: ${message}`);
  const isScaled = holdsBytes(found, contract);
  const dataset = isScaled ? { ...found, x: dividedBy255(found.x) } : found;
  refuseShape(dataset, contract, refuse);
  refuseValues(dataset, contract, refuse);
  refuseBrokenRules(dataset, contract, refuse);
  return {
    x: dataset.x,
    labels: labelsOf(dataset, contract, refuse),
    report: { path, sha256: found.sha256, samples: found.labels.length, shape: found.x.shape.slice(1) },
    assumptions: isScaled
      ? [`The samples in ${path} are stored as bytes and the contract's range is 0 to 1, so they were divided by 255.`]
      : [],
  };
}

/** Whether samples hold 0 to 255 where the contract says 0 to 1. */
function holdsBytes({ sourceDtype, range }: Dataset, { inputs: [input] }: Contract): boolean {
  return sourceDtype === "uint8" && range.upper > 1 && input!.range.lower === 0 && input!.range.upper === 1;
}

function dividedBy255({ shape, data }: Tensor): Tensor {
  return tensor(
    shape,
    data.map((value) => value / 255),
  );
}

type Refuse = (message: string) => AuditError;

function refuseShape({ x }: Dataset, { inputs: [input] }: Contract, refuse: Refuse): void {
  const { name, shape } = input!;
  const fits =
    x.shape.length === shape.length &&
    shape.every((size, axis) => axis === 0 || size === null || size === x.shape[axis]);
  if (fits) return;
  const expected = shape.slice(1).map((size) => size ?? "any");
  throw refuse(
    `input '${name}': expected samples of shape [${expected.join(", ")}], got [${x.shape.slice(1).join(", ")}]`,
  );
}

function refuseValues({ x: { data, shape } }: Dataset, { inputs: [input] }: Contract, refuse: Refuse): void {
  const { lower, upper } = boundsOf(input!);
  const width = data.length / shape[0]!;
  const at = (bound: number | Float32Array, j: number) => (typeof bound === "number" ? bound : bound[j]!);
  for (const [i, value] of data.entries()) {
    const j = i % width;
    const sample = Math.floor(i / width);
    if (!Number.isFinite(value)) throw refuse(`sample ${sample}: expected finite numbers, got ${value}`);
    const low = at(lower, j);
    const high = at(upper, j);
    const slack = 1e-6 * (high - low);
    if (value < low - slack || value > high + slack) {
      throw refuse(
        `sample ${sample}: expected values in the contract's range ${low} to ${high}, got ${value}; is the data scaled differently?`,
      );
    }
  }
}

function refuseBrokenRules({ x: { data, shape } }: Dataset, { inputs: [input] }: Contract, refuse: Refuse): void {
  const rules = featureRules(input!);
  if (!rules) return;
  for (let sample = 0; sample < shape[0]!; sample++) {
    const broken = brokenRule(rules, data.subarray(sample * rules.length, (sample + 1) * rules.length));
    if (broken !== undefined) throw refuse(`sample ${sample}: ${broken}`);
  }
}

function labelsOf({ labels, labelNames }: Dataset, { output: { classes } }: Contract, refuse: Refuse): Int32Array {
  const positions = labelNames?.map((name) => classes.indexOf(name));
  const unknown = labelNames?.find((_, i) => positions![i] === -1);
  if (unknown !== undefined)
    throw refuse(`label '${unknown}' is not among the contract's classes: ${classes.join(", ")}`);
  const mapped = positions ? labels.map((label) => positions[label]!) : labels;
  const wrong = mapped.findIndex((label) => !(label >= 0 && label < classes.length));
  if (wrong >= 0)
    throw refuse(`sample ${wrong}: expected a label from 0 to ${classes.length - 1}, got ${mapped[wrong]}`);
  return mapped;
}
