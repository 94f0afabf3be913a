import {
  differentiate,
  float,
  GraphBuilder,
  type LossSubgraph,
  type Model,
  openSession,
  type Session,
  type Value,
} from "@casemate/onnx";
import type { AnyTensor, Shape } from "@casemate/tensor";
import { sizeOf } from "@casemate/tensor";

/**
 * Prints what one loss-and-gradient run costs as a multiple of the model's own forward run, measured in turns in one process:
 * ResNet-18 in CIFAR shape at batch 32 and a transformer encoder, with random weights.
 */
const classes = 10;
const repetitions = Number(process.argv[2] ?? 15);

const crossEntropy: LossSubgraph = (graph, logits) => {
  const labels = graph.input("labels", "int64", ["batch"]);
  const chosen = graph.Mul(graph.LogSoftmax(logits, 1), graph.OneHot(labels, classes, logits));
  return graph.Neg(graph.ReduceSum(chosen, [1], 0));
};

for (const { name, model, x, limit } of [
  { name: "ResNet-18, width 16, batch 32", model: resnet18(16), x: noise([32, 3, 32, 32]), limit: 3 },
  { name: "ResNet-18, width 64, batch 32", model: resnet18(64), x: noise([32, 3, 32, 32]), limit: 2.2 },
  { name: "transformer, 4 layers, 256 wide, 64 long, batch 8", model: transformer(), x: noise([8, 64, 256]), limit: 3 },
]) {
  const { forward, backward } = await timed(model, x);
  const ratio = (backward / forward).toFixed(2);
  console.log(
    `${name}: forward ${forward.toFixed(1)} ms, loss and gradient ${backward.toFixed(1)} ms, ratio ${ratio} (at most ${limit})`,
  );
}

async function timed(model: Model, x: AnyTensor): Promise<{ forward: number; backward: number }> {
  const labels: AnyTensor = {
    dtype: "int64",
    shape: [x.shape[0]!],
    data: BigInt64Array.from({ length: x.shape[0]! }, (_, index) => BigInt(index % classes)),
  };
  const sessions: Session[] = [
    await openSession(model),
    await openSession(await differentiate(model, { loss: crossEntropy, wrt: ["x"], sample: { x } })),
  ];
  const times: number[][] = [[], []];
  for (let repetition = 0; repetition < repetitions + 3; repetition++) {
    for (const [index, session] of sessions.entries()) {
      const start = performance.now();
      await session.run(index === 0 ? { x } : { x, labels });
      if (repetition >= 3) {
        times[index]!.push(performance.now() - start);
      }
    }
  }
  await Promise.all(sessions.map((session) => session.dispose()));
  return { forward: median(times[0]!), backward: median(times[1]!) };
}

/** ResNet-18 for images of 32 x 32: a 3 x 3 stem and no pooling after it (He et al., 2016, https://arxiv.org/abs/1512.03385). */
function resnet18(width: number): Model {
  return network(["batch", 3, 32, 32], (graph, x) => {
    const block = (input: Value, inner: number, outer: number, stride: number): Value => {
      const hidden = graph.op("Relu", [convolution(graph, input, inner, outer, 3, stride)]);
      const residual = convolution(graph, hidden, outer, outer, 3, 1);
      const shortcut = stride === 1 && inner === outer ? input : convolution(graph, input, inner, outer, 1, stride);
      return graph.op("Relu", [graph.Add(residual, shortcut)]);
    };
    let y = graph.op("Relu", [convolution(graph, x, 3, width, 3, 1)]);
    for (const [stage, scale] of [1, 2, 4, 8].entries()) {
      const before = stage === 0 ? width : (width * scale) / 2;
      y = block(y, before, width * scale, stage === 0 ? 1 : 2);
      y = block(y, width * scale, width * scale, 1);
    }
    const features = graph.op("Flatten", [graph.op("GlobalAveragePool", [y])]);
    return linear(graph, features, width * 8, classes);
  });
}

/** A convolution and its batch normalisation, as PyTorch exports them. */
function convolution(
  graph: GraphBuilder,
  x: Value,
  inner: number,
  outer: number,
  kernel: number,
  stride: number,
): Value {
  const weight = weights(graph, [outer, inner, kernel, kernel], inner * kernel * kernel);
  const pad = (kernel - 1) / 2;
  const y = graph.op("Conv", [x, weight], {
    attributes: { kernel_shape: [kernel, kernel], strides: [stride, stride], pads: [pad, pad, pad, pad] },
  });
  const [one, nought] = [1, 0].map((number) => graph.constant(filled([outer], number))) as [Value, Value];
  return graph.op("BatchNormalization", [y, one, nought, nought, one], { attributes: { epsilon: float(1e-5) } });
}

/** Encoder layers as PyTorch's TransformerEncoderLayer writes them: normalisation after each part, GELU between. */
function transformer(layers = 4, width = 256, heads = 4, length = 64): Model {
  return network(["batch", length, width], (graph, x) => {
    let y = x;
    for (let layer = 0; layer < layers; layer++) {
      const [query, key, value] = [0, 1, 2].map(() => {
        const projected = linear(graph, y, width, width);
        return graph.Transpose(graph.Reshape(projected, graph.ints([0, 0, heads, width / heads])), [0, 2, 1, 3]);
      }) as [Value, Value, Value];
      const scores = graph.MatMul(query, graph.Transpose(key, [0, 1, 3, 2]));
      const attention = graph.Softmax(graph.Div(scores, graph.scalar(Math.sqrt(width / heads), x)), -1);
      const mixed = graph.Transpose(graph.MatMul(attention, value), [0, 2, 1, 3]);
      const merged = graph.Reshape(mixed, graph.ints([0, 0, width]));
      y = normalized(graph, graph.Add(y, linear(graph, merged, width, width)), width);
      const inner = graph.op("Gelu", [linear(graph, y, width, 4 * width)]);
      y = normalized(graph, graph.Add(y, linear(graph, inner, 4 * width, width)), width);
    }
    return linear(graph, graph.op("ReduceMean", [y, graph.ints([1])], { attributes: { keepdims: 0 } }), width, classes);
  });
}

function normalized(graph: GraphBuilder, x: Value, width: number): Value {
  const [one, nought] = [1, 0].map((number) => graph.constant(filled([width], number))) as [Value, Value];
  return graph.op("LayerNormalization", [x, one, nought], { attributes: { axis: -1 } });
}

function linear(graph: GraphBuilder, x: Value, inner: number, outer: number): Value {
  const product = graph.MatMul(x, weights(graph, [inner, outer], inner));
  return graph.Add(product, graph.constant(filled([outer], 0.01)));
}

function weights(graph: GraphBuilder, shape: Shape, fanIn: number): Value {
  const { data } = noise(shape);
  return graph.constant({ dtype: "float32", shape, data: data.map((each) => each * Math.sqrt(6 / fanIn)) });
}

function noise(shape: Shape): { dtype: "float32"; shape: Shape; data: Float32Array } {
  const phase = shape.length;
  const data = Float32Array.from({ length: sizeOf(shape) }, (_, index) => {
    const wave = Math.sin((index + 1) * 12.9898 + phase * 78.233) * 43758.5453;
    return 2 * (wave - Math.floor(wave)) - 1;
  });
  return { dtype: "float32", shape, data };
}

function filled(shape: Shape, number: number): AnyTensor {
  return { dtype: "float32", shape, data: new Float32Array(sizeOf(shape)).fill(number) };
}

function network(shape: readonly (number | string)[], build: (graph: GraphBuilder, x: Value) => Value): Model {
  const graph = new GraphBuilder("v/");
  const logits = build(graph, graph.input("x", "float32", shape));
  return {
    irVersion: 10,
    opsets: new Map([["", 20]]),
    producer: "bench",
    metadata: new Map(),
    functions: [],
    graph: {
      name: "bench",
      nodes: graph.nodes,
      inputs: graph.inputs,
      outputs: [{ name: logits.name, dtype: "float32", shape: undefined, kind: "tensor" }],
      initializers: graph.initializers,
    },
  };
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}
