import {
  editInput,
  float,
  freeBatch,
  type Model,
  type OutputKind,
  prepare,
  prune,
  replaceOutput,
} from "@casemate/onnx";
import { type Shape, sizeOf, tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import { FLOATS, outputForm } from "../purification/output-form.ts";
import { requireWhole } from "./votes.ts";

export interface SmoothedModelOptions {
  /** Standard deviation of the noise, in the units that the graph takes; one number, or one per feature. */
  readonly sigma: number | Float32Array;
  /** Noisy copies of each sample that vote. */
  readonly copies?: number;
  readonly inputName: string;
  /** Of one sample. */
  readonly inputShape: Shape;
  readonly output: { readonly name: string; readonly kind: OutputKind; readonly classes: number };
}

/**
 * The smoothed classifier as a plain ONNX model of the same input: noise on copies of the batch, the model once over all of them,
 * and the shares of their votes. Only the output named is kept; where it holds logits it holds the logarithms of the shares, down
 * to log 1e-12. The noise is drawn anew in each run; an answer carries no certificate and never abstains. Throws a DefenseError
 * INVALID_OPTION, or UNSUPPORTED_MODEL for inputs, outputs or a fixed batch that copies cannot go through.
 */
export async function smoothedModel(model: Model, options: SmoothedModelOptions): Promise<Model> {
  const { copies = 100, inputName, inputShape, output } = options;
  requireWhole("smoothedModel", "copies", copies);
  const sigma = sigmaOf(options);
  const prepared = await prepare(model, []);
  const [input, ...others] = prepared.graph.inputs;
  if (!input || others.length > 0 || input.name !== inputName || !FLOATS.has(input.dtype)) {
    const got = prepared.graph.inputs.map(({ name, dtype }) => `'${name}' of ${dtype}`).join(", ");
    throw new DefenseError("UNSUPPORTED_MODEL", `expected '${inputName}' of numbers as the only input, got ${got}`);
  }
  const { dtype, toProbabilities, fromProbabilities } = outputForm(prepared, output);
  const outputs = prepared.graph.outputs.filter(({ name }) => name === output.name);
  const open = await withOpenBatch({ ...prepared, graph: prune({ ...prepared.graph, outputs }) }, inputName);
  const noisy = editInput(open, inputName, (graph, raw) => {
    const x = graph.Tile(graph.Cast(raw, "float32"), graph.ints([copies, ...inputShape.map(() => 1)]));
    const noise = graph.op("RandomNormalLike", [x], { attributes: { mean: float(0), scale: float(1) } });
    return graph.Cast(graph.Add(x, graph.Mul(noise, graph.constant(sigma))), input.dtype);
  });
  return replaceOutput(noisy, output.name, (graph, raw) => {
    const { classes } = output;
    const p = toProbabilities(graph, graph.Cast(raw, "float32"));
    const votes = graph.op("ArgMax", [p], { attributes: { axis: 1, keepdims: 0 }, dtype: "int64" });
    const byCopy = graph.Reshape(graph.OneHot(votes, classes, p), graph.ints([copies, -1, classes]));
    const shares = graph.Mul(graph.ReduceSum(byCopy, [0], 0), graph.scalar(1 / copies, p));
    const sizes = graph.Slice(graph.op("Shape", [raw], { dtype: "int64" }), [1], [MANY], [0]);
    const shaped = graph.Reshape(fromProbabilities(graph, shares), graph.Concat([graph.ints([-1]), sizes], 0));
    return graph.Cast(shaped, dtype);
  });
}

const MANY = 2 ** 31 - 1; // to the end, whatever the rank

function sigmaOf({ sigma, inputShape }: SmoothedModelOptions) {
  const width = sizeOf(inputShape);
  const values = typeof sigma === "number" ? Float32Array.of(sigma) : Float32Array.from(sigma);
  if (
    !values.every((each) => each > 0 && Number.isFinite(each)) ||
    (typeof sigma !== "number" && values.length !== width)
  ) {
    const got = typeof sigma === "number" ? sigma : `${values.length} numbers for ${width} features`;
    throw new DefenseError("INVALID_OPTION", `smoothedModel: expected a sigma above 0, or one per feature, got ${got}`);
  }
  return typeof sigma === "number" ? tensor([], values) : tensor([1, ...inputShape], values);
}

async function withOpenBatch(model: Model, inputName: string): Promise<Model> {
  const batch = model.graph.inputs[0]?.shape?.[0];
  if (typeof batch !== "number") return model;
  const freed = await freeBatch(model);
  if (freed) return freed;
  throw new DefenseError(
    "UNSUPPORTED_MODEL",
    `input '${inputName}': expected a free batch for the noisy copies, got batches of ${batch} that cannot be freed`,
  );
}
