import type { Bounds } from "@casemate/attacks";
import type { ContractInput } from "./schemas/contract.ts";

/**
 * The box that a sample of `input` lives in, before normalisation. Ranges of single features take precedence, and columns of
 * one-hot groups go from 0 to 1; an array with one entry per channel of an image is spread over its pixels.
 */
export function boundsOf(input: ContractInput): Bounds {
  const { lower, upper } = input.range;
  if (!input.features?.some(({ range, oneHot }) => range ?? oneHot)) {
    return { lower: spread(lower, input), upper: spread(upper, input) };
  }
  const side = (bound: number | readonly number[], end: "lower" | "upper") =>
    Float32Array.from(
      input.features ?? [],
      ({ range, oneHot }, i) =>
        range?.[end] ??
        (oneHot !== undefined ? { lower: 0, upper: 1 }[end] : typeof bound === "number" ? bound : bound[i]!),
    );
  return { lower: side(lower, "lower"), upper: side(upper, "upper") };
}

/** Which values of a sample an attacker can change, 1 or 0 each; undefined where all can be. */
export function mutableMask(input: ContractInput): Uint8Array | undefined {
  const flags = input.mutable ?? input.features?.map(({ mutable }) => mutable ?? true);
  return flags?.every((flag) => flag) ? undefined : flags && Uint8Array.from(flags, Number);
}

/** How many channels an image has, or features a table; undefined where it is free. */
export function channelsOf({ kind, layout, shape }: ContractInput): number | undefined {
  const axis = kind === "image" && layout === "NCHW" ? 1 : shape.length - 1;
  return shape[axis] ?? undefined;
}

/** How many values one sample has; undefined where an axis is free. */
export function sampleSizeOf({ shape }: ContractInput): number | undefined {
  const axes = shape.slice(1);
  return axes.reduce<number | undefined>(
    (size, axis) => (size === undefined || axis === null ? undefined : size * axis),
    1,
  );
}

function spread(bound: number | readonly number[], input: ContractInput): number | Float32Array {
  if (typeof bound === "number") return bound;
  const size = sampleSizeOf(input);
  const channels = channelsOf(input);
  if (input.kind !== "image" || size === undefined || bound.length === size || bound.length !== channels) {
    return Float32Array.from(bound);
  }
  const stride = input.layout === "NCHW" ? size / channels : 1;
  return Float32Array.from({ length: size }, (_, i) => bound[Math.floor(i / stride) % channels]!);
}
