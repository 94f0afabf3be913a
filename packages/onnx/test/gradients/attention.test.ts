import type { AnyTensor, Shape } from "@casemate/tensor";
import { expect, test } from "vitest";
import { differentiate } from "../../src/differentiate.ts";
import { float, type GraphBuilder } from "../../src/graph-builder.ts";
import type { Value } from "../../src/value.ts";
import { tinyModel } from "../tiny-model.ts";
import { bools, checkRules, floats, int64, numbersOf, type RuleCheck, uniform } from "./harness.ts";

interface Setting {
  readonly queryHeads: number;
  readonly heads: number;
  readonly causal?: boolean;
  readonly scale?: number;
  readonly softcap?: number;
}

type Numbers = readonly number[];

/** Reads [batch, heads, length, size] or [batch, length, heads · size] at a head. */
function reader(data: Numbers, shape: Shape, heads: number) {
  const isPacked = shape.length === 3;
  const length = isPacked ? shape[1]! : shape[2]!;
  const size = isPacked ? shape[2]! / heads : shape[3]!;
  const at = (batch: number, head: number, row: number, column: number): number =>
    isPacked
      ? ((batch * length + row) * heads + head) * size + column
      : ((batch * heads + head) * length + row) * size + column;
  return { length, size, at, read: (...index: Parameters<typeof at>) => data[at(...index)]! };
}

/** Attention in plain loops; `mask` gives what is added to a score. */
function attention(
  [query = [], key = [], value = []]: readonly Numbers[],
  [queryShape = [], keyShape = [], valueShape = []]: readonly Shape[],
  { queryHeads, heads, causal, scale, softcap }: Setting,
  mask: (batch: number, head: number, row: number, column: number) => number,
): number[] {
  const q = reader(query, queryShape, queryHeads);
  const k = reader(key, keyShape, heads);
  const v = reader(value, valueShape, heads);
  const outputShape =
    queryShape.length === 3 ? [...queryShape.slice(0, 2), queryHeads * v.size] : [...queryShape.slice(0, 3), v.size];
  const y = reader([], outputShape, queryHeads);
  const result = new Array<number>(outputShape.reduce((product, each) => product * each, 1)).fill(0);
  for (let batch = 0; batch < queryShape[0]!; batch++) {
    for (let head = 0; head < queryHeads; head++) {
      const shared = Math.floor(head / (queryHeads / heads));
      for (let row = 0; row < q.length; row++) {
        const scores = Array.from({ length: k.length }, (_, column) => {
          let sum = 0;
          for (let each = 0; each < q.size; each++) {
            sum += q.read(batch, head, row, each) * k.read(batch, shared, column, each);
          }
          const score = sum * (scale ?? 1 / Math.sqrt(q.size));
          const capped = softcap ? softcap * Math.tanh(score / softcap) : score;
          return causal && column > row ? -Infinity : capped + mask(batch, head, row, column);
        });
        const total = scores.reduce((sum, score) => sum + Math.exp(score), 0);
        for (let each = 0; each < v.size; each++) {
          result[y.at(batch, head, row, each)] = scores.reduce(
            (sum, score, column) => sum + (Math.exp(score) / total) * v.read(batch, shared, column, each),
            0,
          );
        }
      }
    }
  }
  return result;
}

function check(
  shapes: readonly Shape[],
  setting: Setting,
  { mask, free, name }: { mask?: AnyTensor; free?: RuleCheck["free"]; name?: string } = {},
): RuleCheck {
  const { queryHeads, heads, causal, scale, softcap } = setting;
  return {
    op: "Attention",
    inputs: [...shapes.map((shape, index) => uniform(shape, { seed: index + 1 })), ...(mask ? [mask] : [])],
    attributes: {
      ...(shapes[0]!.length === 3 && { q_num_heads: queryHeads, kv_num_heads: heads }),
      ...(causal && { is_causal: 1 }),
      ...(scale !== undefined && { scale: float(scale) }),
      ...(softcap !== undefined && { softcap: float(softcap) }),
    },
    opset: [23, 26],
    free,
    name,
    reference: (inputs, given) =>
      attention(inputs, given, setting, (batch, head, row, column) => {
        if (!mask) {
          return 0;
        }
        const [columns, rows] = [mask.shape.at(-1)!, mask.shape.at(-2)!];
        const outer = mask.shape.length === 2 ? 0 : batch * mask.shape[1]! + (mask.shape[1] === 1 ? 0 : head);
        const each = inputs[3]![(outer * rows + row) * columns + column]!;
        return mask.dtype === "bool" ? (each === 0 ? -Infinity : 0) : each;
      }),
  };
}

const plain = { queryHeads: 2, heads: 2 };
const anyLength = [
  [0, 2],
  [0, 2],
  [0, 2],
];

checkRules([
  check(
    [
      [2, 2, 3, 4],
      [2, 2, 3, 4],
      [2, 2, 3, 4],
    ],
    plain,
    { free: [[0], [0], [0]] },
  ),
  check(
    [
      [2, 2, 3, 4],
      [2, 2, 5, 4],
      [2, 2, 5, 3],
    ],
    plain,
    { free: anyLength },
  ),
  check(
    [
      [2, 2, 3, 4],
      [2, 2, 3, 4],
      [2, 2, 3, 4],
    ],
    { ...plain, causal: true },
    { free: anyLength },
  ),
  check(
    [
      [1, 2, 3, 4],
      [1, 2, 3, 4],
      [1, 2, 3, 4],
    ],
    { ...plain, scale: 0.3, softcap: 1.5 },
  ),
  check(
    [
      [2, 4, 3, 4],
      [2, 2, 5, 4],
      [2, 2, 5, 3],
    ],
    { queryHeads: 4, heads: 2 },
    { free: anyLength, name: "shared heads" },
  ),
  check(
    [
      [2, 3, 8],
      [2, 3, 8],
      [2, 3, 8],
    ],
    plain,
    {
      free: [
        [0, 1],
        [0, 1],
        [0, 1],
      ],
    },
  ),
  check(
    [
      [2, 3, 8],
      [2, 5, 4],
      [2, 5, 6],
    ],
    { queryHeads: 4, heads: 2, causal: false },
    { free: [[0], [0], [0]] },
  ),
  check(
    [
      [2, 2, 3, 4],
      [2, 2, 3, 4],
      [2, 2, 3, 4],
    ],
    plain,
    { mask: uniform([3, 3], { seed: 7 }) },
  ),
  check(
    [
      [2, 2, 3, 4],
      [2, 2, 3, 4],
      [2, 2, 3, 4],
    ],
    plain,
    { mask: uniform([2, 1, 3, 3], { seed: 7 }) },
  ),
  check(
    [
      [2, 2, 3, 4],
      [2, 2, 3, 4],
      [2, 2, 3, 4],
    ],
    { ...plain, softcap: 2 },
    { mask: uniform([2, 2, 3, 3], { seed: 7 }) },
  ),
  check(
    [
      [2, 2, 3, 4],
      [2, 2, 3, 4],
      [2, 2, 3, 4],
    ],
    plain,
    { mask: bools([1, 0, 1, 1, 1, 0, 0, 1, 1], [3, 3]), free: [[0], [0], [0]] },
  ),
]);

test("attention that continues past keys is refused", async () => {
  const model = tinyModel(
    ["batch", 2, 3, 4],
    (graph, x) => {
      const past = graph.constant(uniform([1, 2, 2, 4]));
      const [y] = graph.ops("Attention", [x, x, x, undefined, past, past], 3);
      return y!;
    },
    23,
  );
  const loss = (graph: GraphBuilder, y: Value) => graph.ReduceSum(y, [1, 2, 3], 0);
  const sample = { x: uniform([1, 2, 3, 4]) };
  await expect(differentiate(model, { wrt: ["x"], loss, sample })).rejects.toThrow(
    /Attention .*: expected attention within one call/,
  );
});

interface Rotation {
  readonly interleaved?: number;
  readonly partial?: number;
}

/** Rotates pairs of [batch, heads, length, size] by angles whose cosines and sines are given per place and pair. */
function rotate(
  x: Numbers,
  shape: Shape,
  cosines: Numbers,
  sines: Numbers,
  positions: Numbers,
  { interleaved, partial }: Rotation,
) {
  const [, heads = 0, length = 0, size = 0] = shape;
  const half = (partial ?? size) / 2;
  const y = [...x];
  for (let row = 0; row < x.length / size; row++) {
    const batch = Math.floor(row / (heads * length));
    const position = positions[batch * length + (row % length)]!;
    for (let pair = 0; pair < half; pair++) {
      const [a, b] = interleaved ? [2 * pair, 2 * pair + 1] : [pair, pair + half];
      const [first, second] = [x[row * size + a!]!, x[row * size + b!]!];
      const [cosine, sine] = [cosines[position * half + pair]!, sines[position * half + pair]!];
      y[row * size + a!] = cosine * first - sine * second;
      y[row * size + b!] = sine * first + cosine * second;
    }
  }
  return y;
}

function rotary(rotation: Rotation, positions: AnyTensor, free: RuleCheck["free"]): RuleCheck {
  const shape = [2, 3, 4, 8];
  const half = (rotation.partial ?? 8) / 2;
  const angles = numbersOf(uniform([6, half], { seed: 2 }));
  return {
    op: "RotaryEmbedding",
    inputs: [
      uniform(shape),
      floats([6, half], angles.map(Math.cos)),
      floats([6, half], angles.map(Math.sin)),
      positions,
    ],
    constants: [1, 2],
    attributes: {
      ...(rotation.interleaved && { interleaved: 1 }),
      ...(rotation.partial && { rotary_embedding_dim: rotation.partial }),
    },
    opset: [23, 26],
    free,
    reference: ([x = [], cosines = [], sines = [], places = []]) => rotate(x, shape, cosines, sines, places, rotation),
  };
}

const positions = int64([0, 1, 2, 3, 5, 4, 0, 2], [2, 4]);
checkRules([
  rotary({}, positions, undefined),
  rotary({ interleaved: 1 }, positions, undefined),
  rotary({ partial: 4 }, positions, undefined),
]);

/** [batch, length, heads · size] as [batch, heads, length, size], or back where `length` and `heads` change places. */
function swapHeads(x: Numbers, [batch, length, heads, size]: readonly [number, number, number, number]): number[] {
  return Array.from({ length: batch * heads * length * size }, (_, flat) => {
    const [row, each] = [Math.floor(flat / size), flat % size];
    const [sample, head, place] = [Math.floor(row / (heads * length)), Math.floor(row / length) % heads, row % length];
    return x[((sample * length + place) * heads + head) * size + each]!;
  });
}

const angles = numbersOf(uniform([2, 4, 4], { seed: 2 }));
checkRules([
  {
    op: "RotaryEmbedding",
    name: "heads side by side, angles per place",
    inputs: [uniform([2, 4, 24]), floats([2, 4, 4], angles.map(Math.cos)), floats([2, 4, 4], angles.map(Math.sin))],
    constants: [1, 2],
    attributes: { num_heads: 3 },
    opset: [23, 26],
    reference: ([x = [], cosines = [], sines = []]) => {
      const places = Array.from({ length: 8 }, (_, place) => place);
      const turned = rotate(swapHeads(x, [2, 4, 3, 8]), [2, 3, 4, 8], cosines, sines, places, {});
      return swapHeads(turned, [2, 3, 4, 8]);
    },
  },
]);
