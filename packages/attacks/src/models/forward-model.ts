import {
  editInput,
  exposeLogits,
  freeBatch,
  initializersAsInputs,
  type LogitsModel,
  type Model,
  prepare,
  type ValueInfo,
} from "@casemate/onnx";
import { type Shape, sizeOf, type Tensor, tensor } from "@casemate/tensor";
import { AttackError } from "../errors.ts";
import type { Bounds } from "./classifier.ts";
import { fromFloat32 } from "./float-input.ts";
import type { ClassifierOptions } from "./onnx-classifier.ts";

/** A classifier's graph as it is worked on: from the input in the units of its bounds to logits. */
export interface ForwardModel extends LogitsModel {
  readonly input: ValueInfo;
  /** Shape of one sample, without the batch axis. */
  readonly inputShape: Shape;
  /** One sample in the middle of the bounds, [1, ...inputShape], to learn sizes by. */
  readonly trial: Tensor;
  /** The batch that the graph insists on; undefined where any will do. */
  readonly fixedBatch: number | undefined;
}

/**
 * Prepares a model: operators in their present form, logits as its output, the batch free where that changes nothing, the
 * normalisation of the data inside, `weights` as inputs, initializers in `keep` as they are. Throws an AttackError UNSUPPORTED_MODEL or SHAPE_MISMATCH.
 */
export async function forwardModel(
  model: Model,
  options: Pick<
    ClassifierOptions,
    "bounds" | "inputName" | "inputShape" | "layout" | "normalization" | "output" | "weights"
  >,
  keep: readonly string[] = [],
): Promise<ForwardModel> {
  const input = chooseInput(model, options.inputName);
  const inputShape = options.inputShape ?? declaredShape(input);
  const trial = tensor([1, ...inputShape], middleOf(options.bounds, sizeOf(inputShape)));
  const sample = { [input.name]: fromFloat32(trial, input.dtype) };
  const live = [...(options.weights?.keys() ?? [])];
  const exposed = exposeLogits(await prepare(model, [...live, ...keep], sample), options.output);
  const scoring = withInferredTypes(exposed.model);
  const freed = await freeBatch(scoring);
  const fixed = freed ? undefined : input.shape?.[0];
  return {
    ...exposed,
    model: initializersAsInputs(normalized(freed ?? scoring, input, options), live),
    input,
    inputShape,
    trial,
    fixedBatch: typeof fixed === "number" ? fixed : undefined,
  };
}

/** Leaves the element types of outputs to the runtime, since a float16 or float64 model has logits of its own type. */
function withInferredTypes(model: Model): Model {
  const outputs = model.graph.outputs.map((output): ValueInfo => ({ ...output, dtype: "undefined" }));
  return { ...model, graph: { ...model.graph, outputs } };
}

function chooseInput({ graph }: Model, name: string | undefined): ValueInfo {
  const input = name === undefined ? graph.inputs[0] : graph.inputs.find((each) => each.name === name);
  const names = graph.inputs.map((each) => `'${each.name}'`).join(", ");
  if (!input || graph.inputs.length !== 1) {
    const advice =
      graph.inputs.length > 1 ? "; export the model with all columns in one input [batch, features], of one type" : "";
    throw new AttackError(
      "UNSUPPORTED_MODEL",
      `model: expected one input${name ? ` '${name}'` : ""}, got ${names}${advice}`,
    );
  }
  if (!["float32", "float64", "float16"].includes(input.dtype)) {
    throw new AttackError("UNSUPPORTED_MODEL", `input '${input.name}': expected floating point, got ${input.dtype}`);
  }
  return input;
}

function declaredShape({ name, shape }: ValueInfo): Shape {
  const sample = shape?.slice(1);
  if (sample?.every((dimension) => typeof dimension === "number")) return sample as number[];
  const got = shape ? `[${shape.map((dimension) => dimension ?? "?")}]` : "no shape";
  throw new AttackError(
    "SHAPE_MISMATCH",
    `input '${name}': expected inputShape for a model that leaves it open, got ${got}`,
  );
}

function normalized(
  model: Model,
  { name }: ValueInfo,
  { normalization, layout, inputShape }: Pick<ClassifierOptions, "normalization" | "layout" | "inputShape">,
): Model {
  if (!normalization) return model;
  const { mean, std } = normalization;
  if (mean.length !== std.length || mean.length === 0 || std.some((each) => !(each > 0))) {
    throw new AttackError(
      "INVALID_OPTION",
      `normalisation: expected as many positive std as mean, got [${std}] and [${mean}]`,
    );
  }
  const rank = (inputShape ?? model.graph.inputs.find((each) => each.name === name)?.shape?.slice(1))?.length ?? 1;
  const isFirst = mean.length > 1 && rank > 1 && layout !== "channels-last";
  const shape = isFirst ? [mean.length, ...new Array<number>(rank - 1).fill(1)] : [mean.length];
  return editInput(model, name, (graph, x) => {
    const constant = (values: readonly number[]) =>
      graph.Cast(graph.constant(tensor(shape, Float32Array.from(values))), x.dtype);
    return graph.Mul(graph.Sub(x, constant(mean)), constant(std.map((each) => 1 / each)));
  });
}

function middleOf({ lower, upper }: Bounds, width: number): Float32Array {
  const middle = (low: number, high: number) => (Number.isFinite(low + high) ? (low + high) / 2 : 0);
  return Float32Array.from({ length: width }, (_, j) =>
    middle(typeof lower === "number" ? lower : lower[j]!, typeof upper === "number" ? upper : upper[j]!),
  );
}
