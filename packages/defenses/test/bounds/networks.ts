import { float, GraphBuilder, type Model, type Value } from "@casemate/onnx";
import { fillNormal, fillUniform, type Shape, sizeOf, type Tensor, tensor } from "@casemate/tensor";

/** A small network with random weights and the shape of its samples. */
export interface TestNetwork {
  readonly name: string;
  readonly shape: Shape;
  readonly model: Model;
}

const CLASSES = 4;

/** One network for each kind of operator that can be bounded. */
export const networks: readonly TestNetwork[] = [
  network("Gemm, Relu", [6], (layer, x) => layer.dense(layer.op("Relu", layer.dense(x, 6, 12)), 12, CLASSES)),
  network("three layers", [6], (layer, x) => {
    const first = layer.op("Relu", layer.dense(x, 6, 10));
    return layer.dense(layer.op("Relu", layer.dense(first, 10, 10)), 10, CLASSES);
  }),
  network("LeakyRelu, MatMul, Add", [6], (layer, x) => {
    const product = layer.graph.MatMul(x, layer.weight([6, 9]));
    const first = layer.graph.op("LeakyRelu", [layer.graph.Add(product, layer.weight([9]))], {
      attributes: { alpha: float(0.1) },
    });
    return layer.dense(first, 9, CLASSES);
  }),
  ...["Sigmoid", "Tanh", "Gelu", "Softplus", "Erf"].map((op) =>
    network(op, [5], (layer, x) => layer.dense(layer.op(op, layer.dense(x, 5, 8)), 8, CLASSES)),
  ),
  network("Gelu by tanh, scaled input", [5], (layer, x) => {
    const scaled = layer.graph.Mul(layer.graph.Sub(x, layer.graph.scalar(0.4, x)), layer.weight([5]));
    const bent = layer.graph.op("Gelu", [layer.dense(scaled, 5, 8)], { attributes: { approximate: "tanh" } });
    return layer.dense(bent, 8, CLASSES);
  }),
  network("Clip", [5], (layer, x) => {
    const scalar = (number: number) => layer.graph.scalar(number, x);
    const bent = layer.graph.op("Clip", [layer.dense(x, 5, 12), scalar(-0.3), scalar(0.4)]);
    return layer.dense(bent, 12, CLASSES);
  }),
  network("residual", [6], (layer, x) => {
    const first = layer.dense(x, 6, 6);
    const branch = layer.dense(layer.op("Relu", first), 6, 6);
    const sum = layer.op("Relu", layer.graph.Add(layer.graph.Add(branch, first), x));
    return layer.dense(sum, 6, CLASSES);
  }),
  network("Conv, MaxPool, GlobalAveragePool", [1, 6, 6], (layer, x) => {
    const pooled = layer.graph.op("MaxPool", [layer.op("Relu", layer.conv(x, 1, 3))], {
      attributes: { kernel_shape: [2, 2], strides: [2, 2] },
    });
    const mean = layer.graph.op("GlobalAveragePool", [layer.op("Relu", layer.conv(pooled, 3, 6))]);
    return layer.dense(layer.graph.op("Flatten", [mean]), 6, CLASSES);
  }),
  network("strides, padded MaxPool, AveragePool, BatchNormalization", [2, 5, 5], (layer, x) => {
    const wide = layer.graph.op("Conv", [x, layer.weight([4, 2, 3, 3]), layer.weight([4])], {
      attributes: { kernel_shape: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] },
    });
    const pooled = layer.graph.op("MaxPool", [wide], {
      attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
    });
    const positive = layer.positive([4]);
    const normal = layer.graph.op("BatchNormalization", [
      pooled,
      positive,
      layer.weight([4]),
      layer.weight([4]),
      positive,
    ]);
    const averaged = layer.graph.op("AveragePool", [layer.op("Relu", normal)], {
      attributes: { kernel_shape: [2, 2] },
    });
    return layer.dense(layer.graph.op("Flatten", [averaged]), 16, CLASSES);
  }),
  network("Pad, Slice, Concat, Transpose, Sub, Div, Neg", [2, 3, 3], (layer, x) => {
    const { graph } = layer;
    const padded = graph.Pad(x, graph.ints([1, 0]), [2]);
    const part = graph.Slice(padded, [1], [4], [2]);
    const joined = graph.Concat([part, graph.Neg(x)], 1);
    const turned = graph.Transpose(joined, [0, 2, 3, 1]);
    const moved = graph.Div(graph.Sub(graph.scalar(0.5, x), turned), graph.scalar(2, x));
    const flat = graph.Reshape(moved, graph.ints([0, 36]));
    return layer.dense(layer.op("Relu", layer.dense(flat, 36, 10)), 10, CLASSES);
  }),
];

/** Points of [0, 1]. */
export function pointsOf(shape: Shape, count: number, seed = 7): Tensor {
  const data = new Float32Array(count * sizeOf(shape));
  fillUniform(data, { seed, stream: 0, sample: 0, step: 0 });
  return tensor([count, ...shape], data);
}

interface Layers {
  readonly graph: GraphBuilder;
  op(name: string, x: Value): Value;
  weight(shape: Shape): Value;
  positive(shape: Shape): Value;
  dense(x: Value, from: number, to: number): Value;
  conv(x: Value, from: number, to: number): Value;
}

function network(name: string, shape: Shape, build: (layers: Layers, x: Value) => Value): TestNetwork {
  const graph = new GraphBuilder("v/");
  const x = graph.input("x", "float32", ["batch", ...shape]);
  let drawn = 0;
  const weight = (sizes: Shape, fanIn = 1): Value => {
    const data = new Float32Array(sizeOf(sizes));
    fillNormal(data, { seed: 3, stream: 0, sample: drawn++, step: name.length });
    return graph.constant(
      tensor(
        sizes,
        data.map((each) => each / Math.sqrt(fanIn)),
      ),
    );
  };
  const layers: Layers = {
    graph,
    weight,
    op: (op, value) => graph.op(op, [value]),
    positive: (sizes) => graph.constant(tensor(sizes, new Float32Array(sizeOf(sizes)).fill(0.7))),
    dense: (value, from, to) =>
      graph.op("Gemm", [value, weight([to, from], from / 4), weight([to], 8)], { attributes: { transB: 1 } }),
    conv: (value, from, to) =>
      graph.op("Conv", [value, weight([to, from, 3, 3], from * 3), weight([to], 8)], {
        attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
      }),
  };
  const logits = build(layers, { ...x, shape: undefined });
  const model: Model = {
    irVersion: 9,
    opsets: new Map([["", 20]]),
    producer: "test",
    metadata: new Map(),
    functions: [],
    graph: {
      name,
      nodes: graph.nodes,
      inputs: graph.inputs,
      outputs: [{ name: logits.name, dtype: "float32", shape: ["batch", CLASSES], kind: "tensor" }],
      initializers: graph.initializers,
    },
  };
  return { name, shape, model };
}
