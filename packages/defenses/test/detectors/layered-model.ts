import { type Model, type Node, tensorInitializer } from "@casemate/onnx";
import { fillUniform, type Tensor, tensor } from "@casemate/tensor";

/** Three linear layers with ReLU between: of positive a and b the second takes [a, b] and the third [a, a + b]; z = [a, b]. */
export function layeredModel(): Model {
  const weights = [
    [1, 0, 0, 1],
    [1, 1, 0, 1],
    [1, -1, 0, 1],
  ];
  const nodes = weights.flatMap((_, i): Node[] => {
    const last = i === weights.length - 1;
    const [input, sum, output] = [i === 0 ? "x" : `h${i}`, last ? "z" : `s${i}`, `h${i + 1}`];
    const product = { name: sum, op: "MatMul", domain: "", inputs: [input, `w${i}`], outputs: [sum], attributes: {} };
    const relu = { name: output, op: "Relu", domain: "", inputs: [sum], outputs: [output], attributes: {} };
    return last ? [product] : [product, relu];
  });
  return {
    irVersion: 8,
    opsets: new Map([["", 18]]),
    producer: "",
    metadata: new Map(),
    functions: [],
    graph: {
      name: "layered",
      nodes,
      inputs: [{ name: "x", dtype: "float32", shape: ["batch", 2], kind: "tensor" }],
      outputs: [{ name: "z", dtype: "float32", shape: ["batch", 2], kind: "tensor" }],
      initializers: new Map(
        weights.map((each, i) => [`w${i}`, tensorInitializer(`w${i}`, tensor([2, 2], Float32Array.from(each)))]),
      ),
    },
  };
}

/** What the second and third layer of that model take, of one sample. */
export const layersOf = ([a, b]: readonly number[]): readonly (readonly number[])[] => [
  [a!, b!],
  [a!, a! + b!],
];

/** Points of [0.1, 3]² with the classes that the model gives them. */
export function points(count: number, seed: number): { readonly x: Tensor; readonly labels: Int32Array } {
  const data = fillUniform(new Float32Array(2 * count), { seed, stream: 1, sample: 0, step: 0 }, 0.1, 3);
  const labels = Int32Array.from({ length: count }, (_, i) => Number(data[2 * i + 1]! > data[2 * i]!));
  return { x: tensor([count, 2], data), labels };
}

export const rowsOf = ({ shape, data }: Tensor): readonly number[][] =>
  Array.from({ length: shape[0]! }, (_, i) => [...data.subarray(i * shape[1]!, (i + 1) * shape[1]!)]);
