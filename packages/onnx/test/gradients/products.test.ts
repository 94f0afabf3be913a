import { float } from "../../src/graph-builder.ts";
import { checkRules, type RuleCheck, uniform } from "./harness.ts";

const matMul = (a: number[], b: number[], free?: number[][], wrt?: number[]): RuleCheck => ({
  op: "MatMul",
  inputs: [uniform(a, { seed: 21 }), uniform(b, { seed: 22 })],
  free,
  wrt,
});

checkRules([
  matMul([4, 3], [3, 2], [[0], []]),
  matMul([4, 3], [3, 2], [[0], []], [1]),
  matMul([3], [3]),
  matMul([3], [3, 2]),
  matMul([4, 3], [3], [[0], []]),
  matMul([3], [2, 3, 4]),
  matMul([4, 2, 3], [3], [[0], []]),
  matMul([4, 5, 3], [3, 2], [[0, 1], []]),
  matMul([4, 5, 3], [3, 2], [[0, 1], []], [0]),
  matMul([5, 3], [4, 3, 2], [[], [0]]),
  matMul([4, 2, 3], [4, 3, 5], [[0], [0]]),
  matMul([4, 1, 2, 3], [2, 3, 2], [[0], []]),
  matMul([2, 1, 3], [4, 1, 3, 2], [[], [0]]),
  matMul(
    [4, 2, 5, 3],
    [4, 2, 3, 5],
    [
      [0, 2],
      [0, 3],
    ],
  ),
  matMul([4, 5, 3], [1, 3, 2], [[0, 1], []]),
]);

const gemm = (transA: number, transB: number, c: number[] | undefined, scales = false): RuleCheck => ({
  op: "Gemm",
  inputs: [
    uniform(transA ? [3, 4] : [4, 3], { seed: 23 }),
    uniform(transB ? [2, 3] : [3, 2], { seed: 24 }),
    c && uniform(c, { seed: 25 }),
  ],
  attributes: { transA, transB, ...(scales && { alpha: float(0.5), beta: float(-1.5) }) },
  free: [transA ? [1] : [0]],
});

checkRules(
  [
    ...[0, 1].flatMap((transA) => [0, 1].map((transB) => gemm(transA, transB, [2], transA === transB))),
    ...[0, 1].flatMap((transA) => [0, 1].map((transB) => gemm(transA, transB, undefined, transA !== transB))),
    gemm(0, 0, [], true),
    gemm(0, 1, [1, 2]),
    gemm(0, 0, [4, 1], true),
  ].map((check, index) => (index === 10 ? { ...check, free: [[0], [], [0]] } : check)),
);

const einsum = (equation: string, shapes: number[][], free?: number[][], wrt?: number[]): RuleCheck => ({
  op: "Einsum",
  inputs: shapes.map((shape, index) => uniform(shape, { seed: 31 + index })),
  attributes: { equation },
  free,
  wrt,
});

checkRules([
  einsum(
    "ij,jk->ik",
    [
      [4, 3],
      [3, 2],
    ],
    [[0], []],
  ),
  einsum(
    "ij,jk",
    [
      [4, 3],
      [3, 2],
    ],
    [[0], []],
  ),
  einsum(
    "bij,bjk->bik",
    [
      [4, 2, 3],
      [4, 3, 2],
    ],
    [[0], [0]],
  ),
  einsum(
    "bhid, bhjd -> bhij",
    [
      [4, 2, 3, 2],
      [4, 2, 5, 2],
    ],
    [
      [0, 2],
      [0, 2],
    ],
  ),
  einsum("ij->ji", [[4, 3]], [[0]]),
  einsum("ij->i", [[4, 3]], [[0]]),
  einsum("ij->", [[4, 3]], [[0]]),
  einsum("i,i->", [[4], [4]], [[0], [0]]),
  einsum("i,i", [[4], [4]]),
  einsum("i,j->ij", [[4], [3]]),
  einsum(
    "ij,kl->il",
    [
      [4, 3],
      [2, 5],
    ],
    [[0], []],
  ),
  einsum("...,->...", [[4, 3], []], [[0], []]),
  einsum("i...->...i", [[4, 3, 2]], [[0]]),
  einsum(
    "ij,jk,kl->il",
    [
      [4, 3],
      [3, 2],
      [2, 3],
    ],
    [[0], [], []],
  ),
  einsum("ij,j->i", [[4, 3], [3]], [[0], []], [1]),
  einsum(
    "bc,cd->bd",
    [
      [4, 1],
      [1, 2],
    ],
    [[0], []],
  ),
  einsum("...ij,...jk->...ik", [
    [1, 2, 3],
    [4, 3, 2],
  ]),
  einsum(
    "...ij,...jk->...ik",
    [
      [4, 2, 3],
      [4, 3, 2],
    ],
    [[0], [0]],
  ),
  einsum(
    "b...,b...->b...",
    [
      [4, 3, 2],
      [4, 3, 2],
    ],
    [[0], [0]],
  ),
]);
