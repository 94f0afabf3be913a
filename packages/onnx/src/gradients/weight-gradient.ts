import type { GraphBuilder } from "../graph-builder.ts";
import type { Value } from "../value.ts";
import { type Amount, amount, extent } from "./amounts.ts";
import { listOf } from "./axes.ts";
import { padAxes, type Window } from "./windows.ts";

/**
 * The gradient of a convolution's weight: the product of `response` [batch, out, …] with what each place of the kernel saw of
 * `image` [batch, in, …], summed over the batch. One batched MatMul takes half the time of the transposed convolution.
 */
export function weightGradient(
  graph: GraphBuilder,
  image: Value,
  response: Value,
  windows: readonly Window[],
  group: number,
  weight: Value,
): Value {
  const [out, inner, ...kernel] = weight.shape as number[];
  const padded = padAxes(graph, image, windows);
  const grouped = (value: Value, channels: number) => graph.Reshape(value, graph.ints([0, group, channels, -1]));
  const seen = placesOf(kernel).map((place) => grouped(seenFrom(graph, padded, response, windows, place), inner!));
  const columns = seen.length === 1 ? seen[0]! : graph.Concat(seen, 2);
  const product = graph.MatMul(grouped(response, out! / group), graph.Transpose(columns, [0, 1, 3, 2]));
  const spatial = kernel.map((_, index) => index + 1);
  const summed = graph.Reshape(graph.ReduceSum(product, [0], 0), graph.ints([out!, ...kernel, inner!]));
  return graph.Transpose(summed, [0, kernel.length + 1, ...spatial]);
}

/** What one place of the kernel saw: [batch, in, …response]. */
function seenFrom(
  graph: GraphBuilder,
  padded: Value,
  response: Value,
  windows: readonly Window[],
  place: readonly number[],
): Value {
  const starts = windows.map(({ dilation }, index) => place[index]! * dilation);
  const ends = windows.map(({ axis, stride }, index): Amount => {
    const steps = amount(graph, "Sub", extent(graph, response, axis), 1);
    return amount(graph, "Add", amount(graph, "Mul", steps, stride), starts[index]! + 1);
  });
  const axes = graph.ints(windows.map(({ axis }) => axis));
  const steps = graph.ints(windows.map(({ stride }) => stride));
  return graph.op("Slice", [padded, graph.ints(starts), listOf(graph, ends), axes, steps]);
}

/** Every place of a kernel, the last axis fastest. */
function placesOf(kernel: readonly number[]): readonly (readonly number[])[] {
  return kernel.reduce<readonly (readonly number[])[]>(
    (places, size) => places.flatMap((place) => Array.from({ length: size }, (_, index) => [...place, index])),
    [[]],
  );
}
