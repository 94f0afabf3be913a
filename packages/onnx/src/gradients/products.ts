import { float, type GraphBuilder } from "../graph-builder.ts";
import { type Extent, rankOf, type Value } from "../value.ts";
import type { Gradient } from "./gradient.ts";

// da = dy bᵀ, db = aᵀ dy, summed over the batch axes that were broadcast. A vector is a matrix of one row or column.
export const MatMul: Gradient = ({ graph, dy, inputs: [first, second], outputs: [y], wants }) => {
  const isRow = rankOf(first) === 1;
  const isColumn = rankOf(second) === 1;
  const a = isRow ? { ...graph.Unsqueeze(first, [0]), shape: [1, ...first.shape!] } : first;
  const b = isColumn ? { ...graph.Unsqueeze(second, [1]), shape: [...second.shape!, 1] } : second;
  const lost = [...(isRow ? [-2] : []), ...(isColumn ? [-1] : [])];
  const product = lost.length === 0 ? dy : graph.Unsqueeze(dy, lost);
  const batch = y.shape!.slice(0, rankOf(y) - 2 + lost.length);
  const da = () => firstGradient(graph, product, a, b, batch);
  const db = () => secondGradient(graph, product, a, b, batch);
  return [
    wants(0) ? (isRow ? graph.reshapeLike(da(), first) : da()) : undefined,
    wants(1) ? (isColumn ? graph.reshapeLike(db(), second) : db()) : undefined,
  ];
};

function firstGradient(graph: GraphBuilder, dy: Value, a: Value, b: Value, batch: readonly Extent[]): Value {
  const full =
    batch.length === 0 ? gemm(graph, dy, b, { transB: 1 }) : graph.MatMul(dy, graph.Transpose(b, swapLast(rankOf(b))));
  return graph.sumTo(full, { ...full, shape: [...batch, ...a.shape!.slice(-2)] }, a);
}

function secondGradient(graph: GraphBuilder, dy: Value, a: Value, b: Value, batch: readonly Extent[]): Value {
  const [inner, columns] = b.shape!.slice(-2);
  const isWeight = rankOf(b) === 2 && typeof inner === "number" && typeof columns === "number";
  if (batch.length === 0) {
    return gemm(graph, a, dy, { transA: 1 });
  }
  if (isWeight && rankOf(a) === batch.length + 2) {
    // One product over batch and rows together, instead of one per entry of the batch and their sum.
    const tall = (value: Value, width: number) => graph.Reshape(value, graph.ints([-1, width]));
    return gemm(graph, tall(a, inner), tall(dy, columns), { transA: 1 });
  }
  const full = graph.MatMul(graph.Transpose(a, swapLast(rankOf(a))), dy);
  return graph.sumTo(full, { ...full, shape: [...batch, ...b.shape!.slice(-2)] }, b);
}

function swapLast(rank: number): number[] {
  const axes = Array.from({ length: rank }, (_, axis) => axis);
  return [...axes.slice(0, -2), rank - 1, rank - 2];
}

// y = α A B + β C with A and B turned as asked: dA = α dy Bᵀ, dB = α Aᵀ dy, dC = β dy, turned back
export const Gemm: Gradient = ({ graph, dy, inputs: [a, b, c], outputs: [y], wants, has, int, float }) => {
  const [transA, transB] = [int("transA", 0), int("transB", 0)];
  const alpha = float("alpha", 1);
  const beta = float("beta", 1);
  const bias = () => graph.sumTo(beta === 1 ? dy : graph.Mul(dy, graph.scalar(beta, dy)), y, c!);
  return [
    wants(0)
      ? transA
        ? gemm(graph, b, dy, { transA: transB, transB: 1, alpha })
        : gemm(graph, dy, b, { transB: 1 - transB, alpha })
      : undefined,
    wants(1)
      ? transB
        ? gemm(graph, dy, a, { transA: 1, transB: transA, alpha })
        : gemm(graph, a, dy, { transA: 1 - transA, alpha })
      : undefined,
    has(2) && wants(2) ? bias() : undefined,
  ];
};

function gemm(
  graph: GraphBuilder,
  a: Value,
  b: Value,
  { transA = 0, transB = 0, alpha = 1 }: { transA?: number; transB?: number; alpha?: number },
): Value {
  return graph.op("Gemm", [a, b], { attributes: { transA, transB, alpha: float(alpha) } });
}
