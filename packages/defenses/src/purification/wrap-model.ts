import type { Bounds } from "@casemate/attacks";
import {
  editInput,
  type GraphBuilder,
  type Model,
  type OutputKind,
  prepare,
  replaceOutput,
  type Value,
} from "@casemate/onnx";
import { type Shape, sizeOf, tensor } from "@casemate/tensor";
import { DefenseError } from "../errors.ts";
import { FLOATS, outputForm } from "./output-form.ts";
import type { OutputHardening } from "./output-hardening.ts";
import type { PictureShape, Purification } from "./purification.ts";

export interface WrapOptions {
  /** In this order, before the model. */
  readonly purify?: readonly Purification[];
  /** In this order, behind it. */
  readonly hardenOutput?: readonly OutputHardening[];
  /** The box that inputs live in as the graph takes them. */
  readonly bounds: Bounds;
  readonly inputName: string;
  /** Of one sample. */
  readonly inputShape: Shape;
  readonly layout?: "channels-first" | "channels-last";
  readonly output: { readonly name: string; readonly kind: OutputKind; readonly classes: number };
}

/**
 * A model with defences before and behind it, as an ONNX model of the same inputs and outputs. Where the output holds logits it
 * still does: logarithms of hardened probabilities, down to log 1e-12. Other outputs stay as they are. Throws a DefenseError
 * UNSUPPORTED_MODEL where the input or the output is not what the defences work on.
 */
export async function wrapModel(model: Model, options: WrapOptions): Promise<Model> {
  const { purify = [], hardenOutput = [] } = options;
  const prepared = await prepare(model, []);
  const before = purify.length > 0 ? withPurification(prepared, purify, options) : prepared;
  return hardenOutput.length > 0 ? withHardening(before, hardenOutput, options.output) : before;
}

function withPurification(model: Model, purify: readonly Purification[], options: WrapOptions): Model {
  const { inputName } = options;
  const input = model.graph.inputs.find(({ name }) => name === inputName);
  if (!input || !FLOATS.has(input.dtype)) {
    const got = input ? input.dtype : "no such input";
    throw new DefenseError("UNSUPPORTED_MODEL", `input '${inputName}': expected numbers to purify, got ${got}`);
  }
  return editInput(model, inputName, (graph, raw) =>
    graph.Cast(purified(graph, graph.Cast(raw, "float32"), purify, options), input.dtype),
  );
}

/** float32 inputs [batch, ...inputShape] after purifications, in the same shape. Throws UNSUPPORTED_MODEL where one needs an image. */
export function purified(
  graph: GraphBuilder,
  input: Value,
  purify: readonly Purification[],
  options: Pick<WrapOptions, "bounds" | "inputShape" | "layout">,
): Value {
  const { inputShape, bounds } = options;
  const isPicture = inputShape.length === 2 || inputShape.length === 3;
  for (const { name, needsImage } of purify) {
    if (needsImage && !isPicture) {
      throw new DefenseError("UNSUPPORTED_MODEL", `${name}: expected an image, got an input of [${inputShape}]`);
    }
  }
  const { picture, isLast } = pictureOf(options);
  const { channels, height, width } = picture;
  const toPicture = (x: Value): Value =>
    graph.Reshape(isLast ? graph.Transpose(x, [0, 3, 1, 2]) : x, graph.ints([-1, channels, height, width]));
  const side = (numbers: number | Float32Array): Value =>
    typeof numbers === "number"
      ? graph.constant(tensor([], Float32Array.of(numbers)))
      : toPicture(graph.constant(tensor([1, ...inputShape], Float32Array.from(numbers))));
  const lower = side(bounds.lower);
  const range = side(rangeOf(bounds, sizeOf(inputShape)));
  let x = toPicture(input);
  for (const { scale, nodes } of purify) {
    x =
      scale === "values"
        ? nodes(graph, x, picture)
        : graph.Add(lower, graph.Mul(nodes(graph, graph.Div(graph.Sub(x, lower), range), picture), range));
  }
  const last = isLast ? graph.Transpose(x, [0, 2, 3, 1]) : x;
  return graph.Reshape(last, graph.ints([-1, ...inputShape]));
}

/** How a sample lies as a picture; features that are none are one row of pixels. */
export function pictureOf({ inputShape, layout = "channels-first" }: Pick<WrapOptions, "inputShape" | "layout">): {
  picture: PictureShape;
  isLast: boolean;
} {
  const [a, b, c] = inputShape as readonly [number, number, number];
  if (inputShape.length === 2) return { picture: { channels: 1, height: a, width: b }, isLast: false };
  if (inputShape.length !== 3) return { picture: { channels: 1, height: 1, width: sizeOf(inputShape) }, isLast: false };
  const isLast = layout === "channels-last";
  return { picture: isLast ? { channels: c, height: a, width: b } : { channels: a, height: b, width: c }, isLast };
}

function rangeOf({ lower, upper }: Bounds, width: number): number | Float32Array {
  if (typeof lower === "number" && typeof upper === "number") return upper - lower;
  const at = (side: number | Float32Array, j: number) => (typeof side === "number" ? side : side[j]!);
  return Float32Array.from({ length: width }, (_, j) => at(upper, j) - at(lower, j));
}

function withHardening(model: Model, hardenOutput: readonly OutputHardening[], output: WrapOptions["output"]): Model {
  const { dtype, ...form } = outputForm(model, output);
  return replaceOutput(model, output.name, (graph, raw) => {
    let p = form.toProbabilities(graph, graph.Cast(raw, "float32"));
    for (const { nodes } of hardenOutput) p = nodes(graph, p, output.classes);
    const given = form.fromProbabilities(graph, p);
    const shaped = graph.Reshape(given, graph.op("Shape", [raw], { dtype: "int64" }));
    return graph.Cast(shaped, dtype);
  });
}
