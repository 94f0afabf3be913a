import type { GraphBuilder } from "../graph-builder.ts";
import type { Extent, Value } from "../value.ts";
import { type Amount, amount, extent } from "./amounts.ts";
import { everyAxis, listOf } from "./axes.ts";
import { coveredBy, padAxes, type Window } from "./windows.ts";

/**
 * The gradient of a convolution's weight: the product of `response` [batch, out, …] with what each place of the kernel saw of
 * `image` [batch, in, …], summed over the batch. Usually a product per sample and the sum of those. For small images and many
 * channels, where a sample's product is larger than its factors, one product over samples and places together. For kernels of
 * 25 places and more over small responses a convolution of the image by the response, which copies nothing (with fewer places
 * it would have too few outputs to be fast).
 */
export function weightGradient(
  graph: GraphBuilder,
  image: Value,
  response: Value,
  windows: readonly Window[],
  group: number,
  weight: Value,
): Value {
  const [out, inner] = weight.shape as number[];
  const count = placesOf(windows).length;
  const responses = sizeOf(response.shape!.slice(2));
  const isKnown = group === 1 && sizeOf(image.shape!.slice(2)) * responses > 0;
  const isLargeKernel = count >= 25 && responses <= 256;
  const isJoint = responses * (out! + inner! * count) < out! * inner! * count;
  const gradient = isKnown && isLargeKernel ? byConvolution : isKnown && isJoint ? byOneProduct : byProducts;
  return gradient(graph, image, response, windows, group, weight);
}

type WeightGradient = typeof weightGradient;

const byProducts: WeightGradient = (graph, image, response, windows, group, weight) => {
  const [out, inner] = weight.shape as number[];
  const grouped = (value: Value, rows: number) => graph.Reshape(value, graph.ints([0, group, rows, -1]));
  const seen = seenBy(graph, image, response, windows, { channels: inner! * group, filters: out! / group });
  const columns = grouped(seen, inner! * placesOf(windows).length);
  const products = graph.MatMul(columns, graph.Transpose(grouped(response, out! / group), [0, 1, 3, 2]));
  return asWeight(graph, graph.ReduceSum(products, [0], 0), weight);
};

/** With samples and places along one axis. */
const byOneProduct: WeightGradient = (graph, image, response, windows, _, weight) => {
  const [out, inner] = weight.shape as number[];
  const sizes = image.shape!.slice(2) as number[];
  const planes = graph.Reshape(channelsFirst(graph, image), graph.ints([-1, 1, ...sizes]), ["planes", 1, ...sizes]);
  const seen = seenBy(graph, planes, response, windows, { channels: 1, filters: out! });
  const count = placesOf(windows).length;
  const ofPlanes = graph.Reshape(seen, graph.ints([inner!, -1, count, sizeOf(response.shape!.slice(2))]));
  const columns = graph.Reshape(graph.Transpose(ofPlanes, [0, 2, 1, 3]), graph.ints([1, inner! * count, -1]));
  const responses = graph.Reshape(channelsFirst(graph, response), graph.ints([1, out!, -1]));
  return asWeight(graph, graph.MatMul(columns, graph.Transpose(responses, [0, 2, 1])), weight);
};

/** Samples are the channels that are summed over; strides and dilations change places. */
const byConvolution: WeightGradient = (graph, image, response, windows) => {
  const used = windows.map((window): Window => {
    const covered = Number(coveredBy(graph, response, window));
    return { ...window, after: covered - Number(extent(graph, image, window.axis)) - Number(window.before) };
  });
  const { padded, pads } = paddedBy(graph, channelsFirst(graph, image), used);
  const swapped = graph.op("Conv", [padded, channelsFirst(graph, response)], {
    attributes: {
      kernel_shape: response.shape!.slice(2) as number[],
      strides: windows.map(({ dilation }) => dilation),
      dilations: windows.map(({ stride }) => stride),
      pads,
    },
  });
  return channelsFirst(graph, { ...swapped, shape: image.shape });
};

function channelsFirst(graph: GraphBuilder, value: Value): Value {
  return graph.Transpose(value, [1, 0, ...everyAxis(value).slice(2)]);
}

/** [group, in / group × places of the kernel, out / group] in the shape of the weight. */
function asWeight(graph: GraphBuilder, product: Value, { shape }: Value): Value {
  return graph.Reshape(graph.Transpose(product, [0, 2, 1]), graph.ints(shape as number[]));
}

/**
 * What each place of the kernel saw, in the order [batch, channels, places of the kernel, …response]. A convolution with a
 * filter per place that is 1 there and 0 elsewhere copies faster than slices do, as long as it multiplies little beside the
 * product to come, that is, as long as there are about as many filters as places.
 */
function seenBy(
  graph: GraphBuilder,
  image: Value,
  response: Value,
  windows: readonly Window[],
  { channels, filters }: { readonly channels: number; readonly filters: number },
): Value {
  const places = placesOf(windows);
  if (places.length > 1 && places.length <= 2 * filters) return unfold(graph, image, windows, channels);
  const padded = padAxes(graph, image, windows);
  const seen = places.map((place) => seenFrom(graph, padded, response, windows, place));
  return seen.length === 1
    ? seen[0]!
    : graph.Concat(
        seen.map((each) => graph.Reshape(each, graph.ints([0, channels, 1, -1]))),
        2,
      );
}

function unfold(graph: GraphBuilder, image: Value, windows: readonly Window[], channels: number): Value {
  const count = placesOf(windows).length;
  const data = new Float32Array(channels * count * count);
  for (let row = 0; row < channels * count; row++) data[row * count + (row % count)] = 1;
  const kernel = windows.map((window) => window.kernel);
  const filters = graph.constant({ dtype: "float32", shape: [channels * count, 1, ...kernel], data });
  const { padded, pads } = paddedBy(graph, image, windows);
  return graph.op("Conv", [padded, graph.Cast(filters, image.dtype)], {
    attributes: {
      kernel_shape: kernel,
      strides: windows.map(({ stride }) => stride),
      dilations: windows.map(({ dilation }) => dilation),
      pads,
      group: channels,
    },
  });
}

/** What a convolution takes as image and pads; it cannot crop, nor learn its pads when the graph runs. */
function paddedBy(graph: GraphBuilder, image: Value, windows: readonly Window[]): { padded: Value; pads: number[] } {
  const margins = [...windows.map(({ before }) => before), ...windows.map(({ after }) => after)];
  const isLeft = margins.every((margin) => typeof margin === "number" && margin >= 0);
  return {
    padded: isLeft ? image : padAxes(graph, image, windows),
    pads: margins.map((each) => (isLeft ? Number(each) : 0)),
  };
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
function placesOf(windows: readonly Window[]): readonly (readonly number[])[] {
  return windows.reduce<readonly (readonly number[])[]>(
    (places, { kernel }) => places.flatMap((place) => Array.from({ length: kernel }, (_, index) => [...place, index])),
    [[]],
  );
}

/** The product of the sizes, NaN where one is not known. */
function sizeOf(shape: readonly Extent[]): number {
  return shape.reduce<number>((product, size) => product * (typeof size === "number" ? size : Number.NaN), 1);
}
