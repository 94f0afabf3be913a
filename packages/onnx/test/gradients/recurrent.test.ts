import type { AnyTensor } from "@casemate/tensor";
import { expect, test } from "vitest";
import { differentiate } from "../../src/differentiate.ts";
import { type AttributeLike, float, type GraphBuilder } from "../../src/graph-builder.ts";
import type { Value } from "../../src/value.ts";
import { runOnce, tinyModel } from "../tiny-model.ts";
import { checkRules, int64, numbersOf, type RuleCheck, uniform } from "./harness.ts";
import { type Cell, recurrence } from "./recurrent-reference.ts";

interface Options {
  readonly bias?: boolean;
  readonly initial?: boolean;
  readonly peepholes?: boolean;
  readonly lengths?: boolean;
  readonly anyLength?: boolean;
  readonly through?: readonly number[];
}

const [steps, batch, width, hidden] = [4, 2, 3, 2];
const gates = { RNN: 1, GRU: 3, LSTM: 4 };

function check(cell: Cell, { bias, initial, peepholes, lengths, anyLength, through }: Options = {}): RuleCheck {
  const directions = cell.direction === "bidirectional" ? 2 : 1;
  const count = gates[cell.op];
  const outputs = cell.op === "LSTM" ? 3 : 2;
  const random = (shape: readonly number[], seed: number) => uniform(shape, { low: -1, high: 1, seed });
  const inputs: (AnyTensor | undefined)[] = [
    random([steps, batch, width], 1),
    random([directions, count * hidden, width], 2),
    random([directions, count * hidden, hidden], 3),
    bias ? random([directions, 2 * count * hidden], 4) : undefined,
    lengths ? { dtype: "int32", shape: [batch], data: Int32Array.of(steps, steps) } : undefined,
    initial ? random([directions, batch, hidden], 5) : undefined,
    ...(cell.op === "LSTM" ? [initial ? random([directions, batch, hidden], 6) : undefined] : []),
    ...(peepholes ? [random([directions, 3 * hidden], 7)] : []),
  ];
  const sizes = [steps * directions * batch * hidden, directions * batch * hidden, directions * batch * hidden];
  return {
    op: cell.op,
    inputs: inputs.slice(0, inputs.findLastIndex((input) => input) + 1),
    attributes: {
      hidden_size: hidden,
      direction: cell.direction,
      ...(cell.linearBeforeReset && { linear_before_reset: 1 }),
      ...(cell.activations && { activations: { type: "strings", value: cell.activations } }),
    },
    outputs,
    through,
    // The initial states fix the batch; other axes are free where nothing else holds them.
    free: initial || lengths ? undefined : [anyLength ? [0, 1] : [1]],
    name: [
      bias && "bias",
      initial && "initial states",
      peepholes && "peepholes",
      anyLength && "any length",
      through && `outputs ${through}`,
    ]
      .filter(Boolean)
      .join(", "),
    reference: (values, shapes) => {
      const all = recurrence(values, shapes, cell);
      const starts = sizes.map((_, index) => sizes.slice(0, index).reduce((sum, each) => sum + each, 0));
      return (through ?? sizes.slice(0, outputs).map((_, index) => index)).flatMap((index) =>
        all.slice(starts[index]!, starts[index]! + sizes[index]!),
      );
    },
  };
}

const everything = { bias: true, initial: true };

checkRules([
  check({ op: "RNN", direction: "forward" }, { bias: true, anyLength: true }),
  check({ op: "RNN", direction: "reverse" }, everything),
  check({ op: "RNN", direction: "bidirectional" }, everything),
  check({ op: "RNN", direction: "forward", activations: ["Relu"] }, { bias: true, through: [1] }),
  check({ op: "RNN", direction: "bidirectional", activations: ["Softsign", "Elu"] }, { bias: true }),
  check(
    { op: "RNN", direction: "bidirectional", activations: ["Sigmoid", "LeakyRelu"] },
    { bias: true, lengths: true },
  ),
  check({ op: "RNN", direction: "forward", activations: ["Softplus"] }, { through: [0] }),
  check({ op: "GRU", direction: "forward" }, { bias: true, anyLength: true }),
  check({ op: "GRU", direction: "forward", linearBeforeReset: true }, { bias: true, anyLength: true }),
  check({ op: "GRU", direction: "reverse" }, everything),
  check({ op: "GRU", direction: "bidirectional", linearBeforeReset: true }, everything),
  check({ op: "GRU", direction: "bidirectional" }, { through: [1] }),
  check({ op: "GRU", direction: "forward", linearBeforeReset: true }),
  check({ op: "GRU", direction: "forward", activations: ["HardSigmoid", "Softsign"] }, { bias: true }),
  check({ op: "LSTM", direction: "forward" }, { bias: true, anyLength: true }),
  check({ op: "LSTM", direction: "reverse" }, everything),
  check({ op: "LSTM", direction: "bidirectional" }, everything),
  check({ op: "LSTM", direction: "forward" }, { ...everything, peepholes: true }),
  check({ op: "LSTM", direction: "bidirectional" }, { ...everything, peepholes: true }),
  check({ op: "LSTM", direction: "forward" }, { through: [0] }),
  check({ op: "LSTM", direction: "forward" }, { through: [1] }),
  check({ op: "LSTM", direction: "reverse" }, { through: [2] }),
]);

const refusals: readonly { got: string; attributes?: Record<string, AttributeLike>; lengths?: AnyTensor }[] = [
  { got: "clip", attributes: { clip: float(1) } },
  { got: "sequence_lens", lengths: { dtype: "int32", shape: [1], data: Int32Array.of(2) } },
  { got: "activation ThresholdedRelu", attributes: { activations: { type: "strings", value: ["ThresholdedRelu"] } } },
];

test.each(refusals)("RNN with $got is refused", async ({ got, attributes = {}, lengths }) => {
  const model = tinyModel([3, 1, 2], (graph, x) => {
    const weights = graph.constant(uniform([1, 2, 2]));
    const given = [x, weights, weights, undefined, lengths && graph.constant(lengths)];
    return graph.op("RNN", given, { attributes: { hidden_size: 2, ...attributes } });
  });
  const loss = (graph: GraphBuilder, y: Value) => graph.ReduceSum(y, [1, 2, 3], 0);
  await expect(differentiate(model, { wrt: ["x"], loss })).rejects.toThrow(new RegExp(`RNN .* got ${got}`));
});

test("a node that returns only its last state is differentiated through all steps", async () => {
  const model = tinyModel(["steps", 1, 2], (graph, x) => {
    const weights = graph.constant(uniform([1, 2, 2]));
    const states = graph.ops("RNN", [x, weights, weights], 2, { attributes: { hidden_size: 2 } });
    graph.nodes[graph.nodes.length - 1] = { ...graph.nodes.at(-1)!, outputs: ["", states[1]!.name] };
    return graph.Reshape(states[1]!, graph.constant(int64([1, 2])));
  });
  const loss = (graph: GraphBuilder, y: Value) => graph.ReduceSum(y, [1], 0);
  const derived = await differentiate(model, { wrt: ["x"], loss });
  const start = uniform([5, 1, 2], { seed: 9 }).data as Float32Array;
  const at = (data: Float32Array) => runOnce(derived, { x: { dtype: "float32", shape: [5, 1, 2], data } });
  const gradient = numbersOf((await at(start))["gradient/x"]!);
  for (const index of [0, 9]) {
    const [up, down] = [0.01, -0.01].map((step) => at(start.with(index, start[index]! + step)));
    const difference = (Number((await up)!.loss!.data[0]) - Number((await down)!.loss!.data[0])) / 0.02;
    expect(gradient[index]!).toBeCloseTo(difference, 3);
  }
});
