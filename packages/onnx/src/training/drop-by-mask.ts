import { type AnyTensor, fillUniform, sizeOf, tensor } from "@casemate/tensor";
import { OnnxError } from "../errors.ts";
import { freshNames } from "../fresh-names.ts";
import { describe } from "../gradients/gradient.ts";
import type { Dimension, Model, Node, ValueInfo } from "../model.ts";
import { type Feeds, probe } from "../probe.ts";
import { probeRuns } from "../probe-runs.ts";

/** What a dropout multiplies by, an input of the graph: 0 where it drops, 1 / (1 − ratio) elsewhere. */
export interface DropoutMask {
  readonly name: string;
  readonly ratio: number;
  /** Of one sample. */
  readonly shape: readonly number[];
}

/**
 * A copy in which dropout (Srivastava et al., 2014, https://jmlr.org/papers/v15/srivastava14a.html) multiplies by masks that
 * come as inputs. Throws an OnnxError UNSUPPORTED_OPERATOR where the ratio or the size of a sample is not fixed.
 */
export async function dropByMask(
  model: Model,
  sample?: Feeds,
): Promise<{ readonly model: Model; readonly masks: readonly DropoutMask[] }> {
  const { graph } = model;
  if (!graph.nodes.some(isDropout)) return { model, masks: [] };
  const declared = graph.inputs.map((input) => (graph.initializers.has(input.name) ? input : withBatch(input)));
  const seen = await probe(model, await probeRuns(model, sample));
  const batch: Dimension = declared[0]?.shape?.[0];
  const fresh = freshNames(graph);
  const masks: DropoutMask[] = [];
  const nodes = graph.nodes.map((node): Node => {
    if (!isDropout(node)) return node;
    const [x = "", ratioName = ""] = node.inputs;
    const ratio = ratioName === "" ? 0.5 : Number(seen.constant(ratioName)?.data[0] ?? Number.NaN);
    const [, ...shape] = seen.value(x).shape!;
    if (!isFixed(shape) || !(ratio >= 0 && ratio < 1) || node.outputs[1]) {
      const got = `ratio ${ratio} and [batch, ${shape}]${node.outputs[1] ? " with its mask as an output" : ""}`;
      throw new OnnxError(
        "UNSUPPORTED_OPERATOR",
        `${describe(node)}: expected a constant ratio below 1 and samples of one size, got ${got}`,
      );
    }
    const name = fresh(`dropout/${masks.length}`);
    masks.push({ name, ratio, shape });
    return { ...node, op: "Mul", inputs: [x, name], outputs: node.outputs.slice(0, 1), attributes: {} };
  });
  const inputs = masks.map(
    ({ name, shape }): ValueInfo => ({ name, dtype: "float32", shape: [batch, ...shape], kind: "tensor" }),
  );
  return { model: { ...model, graph: { ...graph, nodes, inputs: [...declared, ...inputs] } }, masks };
}

/** The masks of a step for so many samples; each sample's is its own draw. */
export function drawMasks(masks: readonly DropoutMask[], samples: number, seed: number, step: number): Feeds {
  return Object.fromEntries(
    masks.map(({ name, ratio, shape }, stream): [string, AnyTensor] => {
      const width = sizeOf(shape);
      const data = new Float32Array(samples * width);
      for (let sample = 0; sample < samples; sample++) {
        const row = data.subarray(sample * width, (sample + 1) * width);
        fillUniform(row, { seed, stream, sample, step });
        for (let i = 0; i < width; i++) row[i] = row[i]! < ratio ? 0 : 1 / (1 - ratio);
      }
      return [name, tensor([samples, ...shape], data)];
    }),
  );
}

function isDropout({ op, domain }: Node): boolean {
  return op === "Dropout" && domain === "";
}

function isFixed(shape: readonly (number | string)[]): shape is readonly number[] {
  return shape.every((extent) => typeof extent === "number");
}

/** Gives a batch axis without a name one, so that masks can share it. */
function withBatch(input: ValueInfo): ValueInfo {
  const [first, ...rest] = input.shape ?? [0];
  return first === undefined || first === "" ? { ...input, shape: ["batch", ...rest] } : input;
}
