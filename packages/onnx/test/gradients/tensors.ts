import { type AnyTensor, type Shape, sizeOf } from "@casemate/tensor";

/** Even draws in [low, high), always the same for a seed, moved off each of `kinks` by at least a twentieth. */
export function uniform(
  shape: Shape,
  { low = -2, high = 2, seed = 1, kinks = [] as readonly number[] } = {},
): AnyTensor {
  let state = seed * 2654435761;
  const data = Float32Array.from({ length: sizeOf(shape) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const draw = low + ((state >>> 8) / 2 ** 24) * (high - low);
    const kink = kinks.find((each) => Math.abs(each - draw) < 0.05);
    return kink === undefined ? draw : kink + (draw < kink ? -0.05 : 0.05) + (draw - kink);
  });
  return { dtype: "float32", shape, data };
}

/** A float32 tensor of the numbers given. */
export function floats(shape: Shape, numbers: readonly number[]): AnyTensor {
  return { dtype: "float32", shape, data: Float32Array.from(numbers) };
}

/** An int64 tensor of the numbers given; a list if no shape is. */
export function int64(numbers: readonly (number | bigint)[], shape: Shape = [numbers.length]): AnyTensor {
  return { dtype: "int64", shape, data: BigInt64Array.from(numbers, BigInt) };
}

/** A bool tensor of the numbers given, 0 or 1; a list if no shape is. */
export function bools(numbers: readonly number[], shape: Shape = [numbers.length]): AnyTensor {
  return { dtype: "bool", shape, data: Uint8Array.from(numbers) };
}

/** The numbers of a tensor, whatever they are stored in. */
export function numbersOf(tensor: AnyTensor): number[] {
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}

/** Whether it can be differentiated in the runtime in float64. */
export function isFloat(tensor: AnyTensor): boolean {
  return tensor.dtype === "float32" || tensor.dtype === "float64";
}

/** The same numbers in an element type; integers stay as they are. */
export function castTo(tensor: AnyTensor, dtype: "float32" | "float64"): AnyTensor {
  if (!isFloat(tensor)) {
    return tensor;
  }
  const data = dtype === "float64" ? Float64Array.from(numbersOf(tensor)) : Float32Array.from(numbersOf(tensor));
  return { dtype, shape: tensor.shape, data } as AnyTensor;
}
