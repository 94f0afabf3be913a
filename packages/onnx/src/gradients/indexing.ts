import type { AnyTensor } from "@casemate/tensor";
import type { GraphBuilder } from "../graph-builder.ts";
import { rankOf, type Value } from "../value.ts";
import { extentLess, fromFront, listOf, padAxis } from "./axes.ts";
import type { Gradient } from "./gradient.ts";

// Sums go through ScatterElements: ScatterND with a reduction runs in parallel in onnxruntime's CPU provider and loses
// updates of equal indices (https://github.com/microsoft/onnxruntime/issues/23396).

export const Gather: Gradient = ({ graph, dy, inputs: [x, indices], int, constant }) => {
  const axis = fromFront(int("axis", 0), rankOf(x));
  const known = constant(indices);
  if (known?.data.length === 1) {
    return [selected(graph, dy, x, indices, axis, Number(known.data[0]))];
  }
  const flat = graph.Reshape(indices, graph.ints([-1]));
  const rows = rankOf(indices) === 1 ? dy : graph.Reshape(dy, rowsShape(graph, x, axis, indices));
  return [scatterRows(graph, x, flat, rows, axis, known)];
};

/** One slice along the axis among zeros. */
function selected(graph: GraphBuilder, dy: Value, x: Value, indices: Value, axis: number, index: number): Value {
  const lone = rankOf(indices) === 0 ? graph.Unsqueeze(dy, [axis]) : reshapedAround(graph, dy, x, axis, 1);
  const rest = (less: number) => extentLess(graph, x, axis, less);
  return index < 0
    ? padAxis(graph, lone, axis, rest(-index), -index - 1)
    : padAxis(graph, lone, axis, index, rest(index + 1));
}

/** Shape of `x` with the axis as long as there are indices. */
function rowsShape(graph: GraphBuilder, x: Value, axis: number, indices: Value): Value {
  const count = indices.shape!.every((extent) => typeof extent === "number")
    ? indices.shape!.reduce((product, extent) => product * extent, 1)
    : graph.Reshape(graph.op("Size", [indices], { dtype: "int64" }), graph.ints([1]));
  return aroundAxis(graph, x, axis, count);
}

function reshapedAround(graph: GraphBuilder, value: Value, x: Value, axis: number, extent: number): Value {
  return graph.Reshape(value, aroundAxis(graph, x, axis, extent));
}

function aroundAxis(graph: GraphBuilder, x: Value, axis: number, extent: number | Value): Value {
  return listOf(
    graph,
    x.shape!.map((_, each) => (each === axis ? extent : extentLess(graph, x, each, 0))),
  );
}

/** Adds rows, counted along the axis, up at the places that `indices` [rows] names, in a tensor like `x`. */
function scatterRows(
  graph: GraphBuilder,
  x: Value,
  indices: Value,
  rows: Value,
  axis: number,
  known: AnyTensor | undefined,
): Value {
  const zeros = graph.filled(x, 0);
  if (axis === 0 && known && areDistinct(known, x.shape![0]!)) {
    return graph.ScatterND(zeros, graph.Unsqueeze(indices, [1]), rows);
  }
  const aligned = graph.Reshape(indices, graph.ints(x.shape!.map((_, each) => (each === axis ? -1 : 1))));
  const shape = graph.op("Shape", [rows], { dtype: "int64" });
  return graph.ScatterElements(zeros, graph.Expand(aligned, shape), rows, axis, "add");
}

function areDistinct(indices: AnyTensor, extent: number | string): boolean {
  const places = Array.from(indices.data as ArrayLike<number | bigint>, (index) =>
    Number(index) < 0 && typeof extent === "number" ? Number(index) + extent : Number(index),
  );
  return places.every((place) => place >= 0) && new Set(places).size === places.length;
}

export const GatherElements: Gradient = ({ graph, dy, inputs: [x, indices], int }) => [
  graph.ScatterElements(graph.filled(x, 0), indices, dy, fromFront(int("axis", 0), rankOf(x)), "add"),
];

// Selects along the last axis; a list comes back as a matrix of one row.
export const ArrayFeatureExtractor: Gradient = ({ graph, dy, inputs: [x, indices], constant }) => {
  const axis = rankOf(x) - 1;
  const flat = graph.Reshape(indices, graph.ints([-1]));
  const rows = rankOf(x) === 1 ? graph.Reshape(dy, graph.ints([-1])) : dy;
  return [scatterRows(graph, x, flat, rows, axis, constant(indices))];
};

// The leading axes that an index tuple names become one, so that tuples become rows.
export const GatherND: Gradient = ({ graph, dy, inputs: [x, indices], int }) => {
  const batchDims = int("batch_dims", 0);
  const tuple = indices.shape!.at(-1) as number;
  const named = batchDims + tuple;
  const extents = x.shape!.map((_, axis) => axisExtent(graph, x, axis));
  const joined = listOf(graph, [-1, ...extents.slice(named)]);
  const zeros = graph.Reshape(graph.filled(x, 0), joined);
  const places = graph.Reshape(linearPlaces(graph, x, indices, batchDims), graph.ints([-1]));
  const rows = graph.Reshape(dy, joined);
  const shape = graph.op("Shape", [rows], { dtype: "int64" });
  const column = graph.Reshape(places, graph.ints([-1, ...x.shape!.slice(named).map(() => 1)]));
  const summed = graph.ScatterElements(zeros, graph.Expand(column, shape), rows, 0, "add");
  return [graph.reshapeLike(summed, x)];
};

function axisExtent(graph: GraphBuilder, x: Value, axis: number): number | Value {
  return extentLess(graph, x, axis, 0);
}

/** Row-major places of index tuples in the axes that they and the batch name, of the shape of `indices` without its last axis. */
function linearPlaces(graph: GraphBuilder, x: Value, indices: Value, batchDims: number): Value {
  const tuple = indices.shape!.at(-1) as number;
  const rank = rankOf(indices);
  const coordinates = Array.from({ length: batchDims + tuple }, (_, axis): Value => {
    if (axis < batchDims) {
      const count = graph.Range(graph.Squeeze(graph.extentOf(x, axis), [0]));
      return graph.Reshape(count, graph.ints(Array.from({ length: rank - 1 }, (_, each) => (each === axis ? -1 : 1))));
    }
    const index = graph.Gather(indices, graph.int(axis - batchDims), rank - 1);
    const isNegative = graph.Less(index, graph.int(0));
    return graph.Where(isNegative, graph.Add(index, graph.extentOf(x, axis)), index);
  });
  return coordinates.reduce((place, coordinate, axis) =>
    graph.Add(graph.Mul(place, graph.extentOf(x, axis)), coordinate),
  );
}

// Each value came from one place, and no place gave two.
export const TopK: Gradient = ({ graph, dy, inputs: [x], outputs: [, indices], int }) => [
  graph.ScatterElements(graph.filled(x, 0), indices, dy, fromFront(int("axis", -1), rankOf(x))),
];
