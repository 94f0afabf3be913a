import { OnnxError } from "../errors.ts";
import type { GraphBuilder } from "../graph-builder.ts";
import { rankOf, type Value } from "../value.ts";
import { amount, extent } from "./amounts.ts";
import { listOf } from "./axes.ts";
import { describe, type Gradient, type Site } from "./gradient.ts";

/**
 * Y = P V with P = softmax(c(scale Q Kᵀ) + mask), where c caps the scores softly or does nothing. With dS = P (dP − Σ dP P):
 * dV = Pᵀ dY, dQ = scale c' dS K, dK = scale c' dSᵀ Q. The runtime gives P again as a further output.
 */
export const Attention: Gradient = (site) => {
  const { graph, node, dy, dys, inputs, wants, has, int, float } = site;
  if (has(4) || has(5) || has(6) || dys.slice(1).some((each) => each)) {
    throw new OnnxError(
      "UNSUPPORTED_OPERATOR",
      `${describe(node)}: expected attention within one call, got past keys, lengths or a loss on further outputs`,
    );
  }
  const [query, key, value, mask] = inputs as [Value, Value, Value, Value];
  const isPacked = rankOf(query) === 3;
  const queryHeads = isPacked ? int("q_num_heads", 1) : Number(query.shape![1]);
  const heads = isPacked ? int("kv_num_heads", 1) : Number(key.shape![1]);
  const apart = (each: Value, count: number) => (isPacked ? splitHeads(graph, each, count) : each);
  const shared = { graph, heads, repeats: queryHeads / heads };
  const [q, k, v] = [apart(query, queryHeads), repeat(shared, apart(key, heads)), repeat(shared, apart(value, heads))];
  const response = apart(dy, queryHeads);

  const attributes = { ...node.attributes, qk_matmul_output_mode: { type: "int", value: 3 } as const };
  const probabilities = graph.ops("Attention", [query, key, value, has(3) ? mask : undefined], 4, { attributes })[3]!;
  const dP = graph.MatMul(response, graph.Transpose(v, [0, 1, 3, 2]));
  const weighted = graph.Mul(dP, probabilities);
  const dMasked = graph.Sub(weighted, graph.Mul(probabilities, graph.ReduceSum(weighted, [-1])));
  const size = extent(graph, query, rankOf(query) - 1);
  const scale = scaleOf(site, isPacked ? amount(graph, "Div", size, queryHeads) : size);
  const cap = float("softcap", 0);
  const dS = graph.Mul(cap === 0 ? dMasked : graph.Mul(dMasked, capSlope(graph, q, k, scale, cap)), scale);

  const together = (each: Value, like: Value) => (isPacked ? joinHeads(graph, each, like) : each);
  const toKey = (each: Value, like: Value) => together(sumRepeats(shared, each), like);
  const rows = isPacked ? query.shape![1]! : query.shape![2]!;
  const columns = isPacked ? key.shape![1]! : key.shape![2]!;
  const scores = { ...dMasked, shape: [query.shape![0]!, queryHeads, rows, columns] };
  return [
    wants(0) ? together(graph.MatMul(dS, k), query) : undefined,
    wants(1) ? toKey(graph.MatMul(graph.Transpose(dS, [0, 1, 3, 2]), q), key) : undefined,
    wants(2) ? toKey(graph.MatMul(graph.Transpose(probabilities, [0, 1, 3, 2]), response), value) : undefined,
    has(3) && wants(3) ? graph.sumTo(dMasked, scores, mask) : undefined,
  ];
};

// A rotation by the negative angle undoes the rotation, and so is its transpose.
export const RotaryEmbedding: Gradient = ({ graph, node, dy, inputs, wants, has }) => {
  const [, cosines, sines, positions] = inputs as [Value, Value, Value, Value];
  if (wants(1) || wants(2)) {
    throw new OnnxError(
      "UNSUPPORTED_OPERATOR",
      `${describe(node)}: expected fixed cosines and sines, got a gradient asked for them`,
    );
  }
  const turned = [dy, cosines, graph.Neg(sines), has(3) ? positions : undefined];
  return [graph.op("RotaryEmbedding", turned, { attributes: node.attributes })];
};

interface Heads {
  readonly graph: GraphBuilder;
  readonly heads: number;
  /** How many query heads share one head of keys and values. */
  readonly repeats: number;
}

/** [batch, length, heads · size] as [batch, heads, length, size]. */
function splitHeads(graph: GraphBuilder, each: Value, heads: number): Value {
  return graph.Transpose(graph.Reshape(each, graph.ints([0, 0, heads, -1])), [0, 2, 1, 3]);
}

function joinHeads(graph: GraphBuilder, each: Value, like: Value): Value {
  return graph.reshapeLike(graph.Transpose(each, [0, 2, 1, 3]), like);
}

function repeat({ graph, heads, repeats }: Heads, each: Value): Value {
  if (repeats === 1) {
    return each;
  }
  const copies = graph.Expand(graph.Unsqueeze(each, [2]), graph.ints([1, 1, repeats, 1, 1]));
  const flat = graph.Reshape(copies, graph.ints([0, heads * repeats, -1]));
  const size = graph.Slice(graph.shapeOf({ ...each, shape: undefined }), [3], [4], [0]);
  return graph.Reshape(flat, listOf(graph, [0, 0, -1, size]));
}

function sumRepeats({ graph, heads, repeats }: Heads, each: Value): Value {
  if (repeats === 1) {
    return each;
  }
  const shape = graph.shapeOf({ ...each, shape: undefined });
  const tail = graph.Slice(shape, [2], [4], [0]);
  const groups = graph.Reshape(each, graph.Concat([graph.ints([0, heads, repeats]), tail], 0));
  return graph.ReduceSum(groups, [2], 0);
}

function scaleOf({ graph, dy, node, float }: Site, size: number | Value): Value {
  if (node.attributes.scale) {
    return graph.scalar(float("scale", 1), dy);
  }
  return typeof size === "number"
    ? graph.scalar(1 / Math.sqrt(size), dy)
    : graph.Reciprocal(graph.Sqrt(graph.Cast(size, dy.dtype)));
}

/** The slope of cap · tanh(s / cap) at the scores s. */
function capSlope(graph: GraphBuilder, q: Value, k: Value, scale: Value, cap: number): Value {
  const scores = graph.Mul(graph.MatMul(q, graph.Transpose(k, [0, 1, 3, 2])), scale);
  const capped = graph.Tanh(graph.Div(scores, graph.scalar(cap, q)));
  return graph.Sub(graph.scalar(1, q), graph.Mul(capped, capped));
}
