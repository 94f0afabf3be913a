import { type Draw, type Shape, sizeOf, type Tensor, tensor } from "@casemate/tensor";
import { AttackError } from "../errors.ts";
import type { Bounds, Classifier, GradientClassifier } from "../models/classifier.ts";
import { contentDraw } from "./content-draw.ts";

/** What is done to inputs before a model sees them, to be attacked through. An immutable value. */
export interface InputDefence {
  /** As papers call it. */
  readonly name: string;
  readonly citation: { readonly text: string; readonly url: string };
  /** Shape of what the model gets, for a sample of this shape; the same if absent. */
  encodedShape?(shape: Shape, layout: Layout): Shape;
  /** What becomes of one sample. */
  apply(x: Float32Array, view: SampleView): Float32Array;
  /**
   * The gradient for the sample, from that for what became of it. Absent, it passes as if nothing was done: BPDA with the
   * identity (Athalye et al., 2018, https://arxiv.org/abs/1802.00420).
   */
  backward?(gradient: Float32Array, x: Float32Array, view: SampleView): Float32Array;
}

type Layout = "channels-first" | "channels-last";

/** What a defence knows of a sample. */
export interface SampleView {
  readonly inputShape: Shape;
  readonly layout: Layout;
  readonly bounds: Bounds;
  /** For defences that draw: the same numbers for the same sample. */
  readonly draw: Draw;
}

export interface ThroughDefenceOptions {
  /**
   * How gradients pass the defence: as the defence says ("given"), as if it did nothing ("identity"), or not at all ("none",
   * which is what differentiating a rounding gives).
   */
  readonly backward?: "given" | "identity" | "none";
  /** Shape of a sample before the defence, where that changes it. */
  readonly inputShape?: Shape;
  /** The box that samples before the defence live in, where it is another than the model's. */
  readonly bounds?: Bounds;
  /** Of defences that draw. */
  readonly seed?: number;
}

/**
 * A model behind a defence, as a model: samples go through the defence first, and gradients come back through it. What an
 * attack finds so is adversarial for the model with its defence. Throws an AttackError SHAPE_MISMATCH where the model does not
 * take what the defence makes of a sample.
 */
export function throughDefence<C extends Classifier>(
  model: C,
  defence: InputDefence,
  { backward = "given", inputShape = model.inputShape, bounds = model.bounds, seed = 0 }: ThroughDefenceOptions = {},
): C {
  const layout = model.layout ?? "channels-first";
  const encodedShape = defence.encodedShape?.(inputShape, layout) ?? inputShape;
  if (encodedShape.join() !== model.inputShape.join()) {
    const got = `[${encodedShape}] from [${inputShape}]`;
    throw new AttackError("SHAPE_MISMATCH", `${defence.name}: expected samples of [${model.inputShape}], got ${got}`);
  }
  const [width, encodedWidth] = [sizeOf(inputShape), sizeOf(encodedShape)];
  if (backward === "identity" && width !== encodedWidth) {
    const expected = 'backward "given" or "none", since the shape of samples changes';
    throw new AttackError("INVALID_OPTION", `${defence.name}: expected ${expected}, got "identity"`);
  }
  const viewOf = (row: Float32Array): SampleView => ({
    inputShape,
    layout,
    bounds,
    draw: contentDraw(seed, row),
  });
  const encode = (x: Tensor): Tensor => {
    const encoded = tensor([x.shape[0]!, ...encodedShape]);
    for (const [row, sample] of rowsOf(x, width).entries()) {
      encoded.data.set(defence.apply(sample, viewOf(sample)), row * encodedWidth);
    }
    return encoded;
  };
  const defended: Classifier = { ...model, inputShape, bounds, logits: (x) => model.logits(encode(x)) };
  if (!isDifferentiable(model)) return defended as C;
  const lossGradient: GradientClassifier["lossGradient"] = async (x, labels, loss, feeds) => {
    const result = await model.lossGradient(encode(x), labels, loss, feeds);
    const gradient = tensor(x.shape);
    if (backward === "none") return { ...result, gradient };
    const slopes = rowsOf(result.gradient, encodedWidth);
    for (const [row, sample] of rowsOf(x, width).entries()) {
      const passes = backward === "given" && defence.backward;
      gradient.data.set(passes ? defence.backward!(slopes[row]!, sample, viewOf(sample)) : slopes[row]!, row * width);
    }
    return { ...result, gradient };
  };
  return { ...defended, lossGradient } as unknown as C;
}

function isDifferentiable(model: Classifier): model is GradientClassifier {
  return "lossGradient" in model;
}

function rowsOf({ shape, data }: Tensor, width: number): Float32Array[] {
  return Array.from({ length: shape[0]! }, (_, row) => data.subarray(row * width, (row + 1) * width));
}
