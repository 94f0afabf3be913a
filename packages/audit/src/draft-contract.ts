import type { Dataset } from "@casemate/data";
import type { Model, ValueInfo } from "@casemate/onnx";
import { AuditError } from "./errors.ts";
import { endOf } from "./output-end.ts";
import type { Contract, ContractInput, ContractOutput } from "./schemas/contract.ts";

/** What a draft takes from a data set. */
export type ContractSample = Pick<Dataset, "x" | "labels" | "labelNames" | "featureNames" | "range" | "sourceDtype">;

/** A contract with one sentence for each thing in it that the model does not declare. */
export interface ContractDraft {
  readonly contract: Contract;
  readonly inferred: readonly string[];
}

/**
 * Drafts the contract of a model, with the ranges and names of a sample where there is one. Throws INVALID_CONTRACT where
 * the range of an input or the number of classes can be had from neither.
 */
export function draftContract(model: Model, sample?: ContractSample): ContractDraft {
  const inferred: string[] = [];
  const say = (sentence: string) => inferred.push(sentence);
  const inputs = model.graph.inputs.filter(({ name }) => !model.graph.initializers.has(name));
  const output = draftOutput(model, sample, say);
  return {
    contract: { task: "classification", inputs: inputs.map((input) => draftInput(model, input, sample, say)), output },
    inferred,
  };
}

type Say = (sentence: string) => void;

function draftInput(
  model: Model,
  { name, dtype, shape }: ValueInfo,
  sample: ContractSample | undefined,
  say: Say,
): ContractInput {
  const here = `Input '${name}'`;
  const declared = shape ?? sample?.x.shape.map((size, axis) => (axis === 0 ? undefined : size));
  if (declared === undefined || declared.length === 0) {
    throw new AuditError("INVALID_CONTRACT", `input '${name}': the model declares no shape; a sample is needed`);
  }
  if (shape === undefined) {
    say(`${here}: shape [${declared.map((d) => d ?? "free").join(", ")}] is that of the sample.`);
  }
  const axes = declared.map((dimension, axis) => (axis > 0 && typeof dimension === "number" ? dimension : null));
  const filled = axes.map((size, axis) => {
    const seen = axis > 0 && size === null && sample?.x.shape.length === axes.length ? sample.x.shape[axis] : undefined;
    if (seen !== undefined) say(`${here}: axis ${axis} is free in the model; ${seen} is that of the sample.`);
    return seen ?? size;
  });
  const kind = kindOf(dtype, filled);
  say(`${here}: taken as ${kind} from its element type ${dtype} and its ${filled.length} axes.`);
  const layout = kind === "image" ? layoutOf(filled) : undefined;
  if (layout) say(`${here}: layout ${layout} from the sizes of its axes.`);
  const range = rangeOf(model, { name, dtype, kind }, sample, say);
  const features = kind === "tabular" ? featuresOf(here, sample, say) : undefined;
  return { name, dtype, shape: filled, kind, ...(layout && { layout }), range, ...(features && { features }) };
}

function kindOf(dtype: string, shape: readonly (number | null)[]): ContractInput["kind"] {
  if (dtype === "int64" || dtype === "int32") return shape.length <= 2 ? "tokens" : "tabular";
  return shape.length === 4 ? "image" : shape.length === 3 ? "embedding" : "tabular";
}

function layoutOf([, first, , last]: readonly (number | null)[]): "NCHW" | "NHWC" {
  const isChannels = (size: number | null | undefined) => size === 1 || size === 3 || size === 4;
  return isChannels(last) && !isChannels(first) ? "NHWC" : "NCHW";
}

function rangeOf(
  model: Model,
  { name, dtype, kind }: Pick<ContractInput, "name" | "dtype" | "kind">,
  sample: ContractSample | undefined,
  say: Say,
): ContractInput["range"] {
  const found = (lower: number, upper: number, why: string) => {
    say(`Input '${name}': range ${lower} to ${upper}, ${why}.`);
    return { lower, upper };
  };
  const vocabulary = kind === "tokens" ? vocabularyOf(model, name) : undefined;
  if (vocabulary !== undefined) return found(0, vocabulary - 1, `from the ${vocabulary} rows of its embedding`);
  if (!sample) {
    if (kind === "image") return found(0, 1, "the usual one for images; no sample was given");
    throw new AuditError("INVALID_CONTRACT", `input '${name}': its range cannot be known without a sample`);
  }
  const { lower, upper } = sample.range;
  if (!(lower < upper)) {
    throw new AuditError("INVALID_CONTRACT", `input '${name}': the sample holds the number ${lower} only`);
  }
  if (kind === "image" && sample.sourceDtype === "uint8") {
    return dtype === "uint8"
      ? found(0, 255, "that of 8 bits")
      : found(0, 1, "since the sample is 8-bit: 255 counts as 1");
  }
  if (kind === "image" && lower >= 0 && upper <= 1) return found(0, 1, "which the sample lies in");
  return found(lower, upper, "the smallest and the largest number of the sample");
}

const ENOUGH_TO_TELL = 20; // samples, before whole numbers are taken for a rule

/** Columns of a table with the range of each; one that holds a single number is taken as one that cannot be changed. */
function featuresOf(here: string, sample: ContractSample | undefined, say: Say): ContractInput["features"] {
  if (sample?.x.shape.length !== 2) return undefined;
  const { shape, data } = sample.x;
  const columns = shape[1]!;
  say(`${here}: the range of each feature is that of the sample.`);
  return Array.from({ length: columns }, (_, column) => {
    const name = sample.featureNames?.[column] ?? `feature ${column}`;
    let lower = Number.POSITIVE_INFINITY;
    let upper = Number.NEGATIVE_INFINITY;
    let isWhole = shape[0]! >= ENOUGH_TO_TELL;
    for (let i = column; i < data.length; i += columns) {
      isWhole &&= Number.isInteger(data[i]!);
      lower = Math.min(lower, data[i]!);
      upper = Math.max(upper, data[i]!);
    }
    if (lower < upper) {
      if (isWhole) say(`${here}: '${name}' holds whole numbers, as in all of the sample.`);
      return { name, range: { lower, upper }, ...(isWhole && { integer: true }) };
    }
    say(`${here}: '${name}' is ${lower} in all of the sample and taken as a feature that cannot be changed.`);
    return { name, mutable: false, range: { lower: lower - 0.5, upper: lower + 0.5 } };
  });
}

function vocabularyOf({ graph }: Model, input: string): number | undefined {
  const lookup = graph.nodes.find(({ op, inputs }) => op === "Gather" && inputs[1] === input);
  return lookup && graph.initializers.get(lookup.inputs[0]!)?.shape[0];
}

function draftOutput(model: Model, sample: ContractSample | undefined, say: Say): ContractOutput {
  const output = outputOf(model);
  const here = `Output '${output.name}'`;
  if (model.graph.outputs.length > 1) say(`${here}: chosen among ${model.graph.outputs.length} outputs.`);
  const { op, width, labels } = endOf(model, output.name);
  const kind = outputKindOf(op, width, output);
  say(`${here}: taken as ${kind}, since the graph ends in ${op ?? "a constant"}${reason(op)}.`);
  const isSingle = kind === "logit" || kind === "probability";
  const count = isSingle ? 2 : kind === "labels" ? undefined : width;
  const names = labels ?? sample?.labelNames;
  if (names && (count === undefined || names.length === count)) {
    if (!labels) say(`${here}: class names from the sample.`);
    return { name: output.name, kind, classes: names };
  }
  const seen = sample && sample.labels.reduce((largest, label) => Math.max(largest, label), 0) + 1;
  const classes = count ?? seen;
  if (classes === undefined) {
    throw new AuditError(
      "INVALID_CONTRACT",
      `output '${output.name}': the number of classes cannot be known without a sample`,
    );
  }
  if (count === undefined) say(`${here}: ${classes} classes, from the largest label of the sample.`);
  say(`${here}: classes are named by their number.`);
  return { name: output.name, kind, classes: Array.from({ length: Math.max(classes, 2) }, (_, i) => String(i)) };
}

/** Scores are preferred to labels: a map of probabilities, then a float tensor, then whatever comes first. */
function outputOf({ graph }: Model): ValueInfo {
  const { outputs } = graph;
  const output =
    outputs.find(({ kind }) => kind === "sequence") ??
    outputs.find(({ dtype }) => dtype.startsWith("float")) ??
    outputs[0];
  if (!output) throw new AuditError("INVALID_CONTRACT", "the model has no output");
  return output;
}

function outputKindOf(
  op: string | undefined,
  width: number | undefined,
  { kind, dtype }: ValueInfo,
): ContractOutput["kind"] {
  if (op === "ArgMax" || (kind === "tensor" && dtype.startsWith("int"))) return "labels";
  if (op === "Sigmoid" && width === 1) return "probability";
  if (op === "Softmax" || op === "Sigmoid" || kind === "sequence") return "probabilities";
  return width === 1 ? "logit" : "logits";
}

function reason(op: string | undefined): string {
  return op === "LogSoftmax" ? ", whose log-probabilities are logits too" : "";
}
