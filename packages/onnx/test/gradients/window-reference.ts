import type { Shape } from "@casemate/tensor";

/** Sliding windows along the spatial axes, in plain loops: what the tests compare convolutions and pooling with. */
export interface Sliding {
  readonly kernel: readonly number[];
  readonly strides?: readonly number[];
  readonly dilations?: readonly number[];
  /** Before each axis, then after each. */
  readonly pads?: readonly number[];
  readonly ceil?: boolean;
}

/** The sizes of what the windows return over an image of these sizes. */
export function slidingShape(image: readonly number[], sliding: Sliding): number[] {
  return image.map((size, axis) => {
    const { kernel, stride, dilation, before, after } = alongAxis(sliding, axis);
    const steps = (size + before + after - (kernel - 1) * dilation - 1) / stride;
    const count = (sliding.ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
    return sliding.ceil && (count - 1) * stride >= size + before ? count - 1 : count; // no window only in the padding behind
  });
}

/** Calls `visit` for every window and place of the kernel: the window, the place, and the position in the image, which may lie outside. */
export function slide(
  image: readonly number[],
  sliding: Sliding,
  visit: (window: number, place: number, position: readonly number[]) => void,
): void {
  const windows = everyIndex(slidingShape(image, sliding));
  const places = everyIndex(sliding.kernel);
  windows.forEach((window, windowIndex) => {
    places.forEach((place, placeIndex) => {
      const position = image.map((_, axis) => {
        const { stride, dilation, before } = alongAxis(sliding, axis);
        return window[axis]! * stride + place[axis]! * dilation - before;
      });
      visit(windowIndex, placeIndex, position);
    });
  });
}

/** Where a position lies in a flat image, or undefined outside. */
export function flatPosition(image: readonly number[], position: readonly number[]): number | undefined {
  const isInside = position.every((each, axis) => each >= 0 && each < image[axis]!);
  return isInside ? position.reduce((flat, each, axis) => flat * image[axis]! + each, 0) : undefined;
}

/** Convolution of [batch, in, …] with [out, in / group, …kernel] and an optional bias. */
export function convolution(
  [x = [], weight = [], bias = []]: readonly (readonly number[])[],
  [shape = [], weightShape = []]: readonly Shape[],
  { group = 1, ...rest }: Omit<Sliding, "kernel"> & { group?: number },
): number[] {
  const [batch = 0, channels = 0, ...image] = shape;
  const [out = 0, inner = 0, ...kernel] = weightShape;
  const sliding = { kernel, ...rest };
  const [area, windows, places] = [product(image), product(slidingShape(image, sliding)), product(kernel)];
  const y = Array.from({ length: batch * out * windows }, (_, index) => bias[Math.floor(index / windows) % out] ?? 0);
  slide(image, sliding, (window, place, position) => {
    const at = flatPosition(image, position);
    for (let index = 0; at !== undefined && index < batch * out; index++) {
      const channel = index % out;
      const first = Math.floor(channel / (out / group)) * inner;
      for (let k = 0; k < inner; k++) {
        const source = (Math.floor(index / out) * channels + first + k) * area + at;
        y[index * windows + window]! += x[source]! * weight[(channel * inner + k) * places + place]!;
      }
    }
  });
  return y;
}

/** The transpose of `convolution` in its image: [batch, out, …] spread over an image of `image` sizes, with an optional bias. */
export function transposedConvolution(
  [x = [], weight = [], bias = []]: readonly (readonly number[])[],
  [shape = [], weightShape = []]: readonly Shape[],
  image: readonly number[],
  { group = 1, ...rest }: Omit<Sliding, "kernel"> & { group?: number },
): number[] {
  const [batch = 0, out = 0, ...windowShape] = shape;
  const [, inner = 0, ...kernel] = weightShape;
  const channels = inner * group;
  const [area, windows, places] = [product(image), product(windowShape), product(kernel)];
  const y = Array.from(
    { length: batch * channels * area },
    (_, index) => bias[Math.floor(index / area) % channels] ?? 0,
  );
  everyIndex(windowShape).forEach((window, windowIndex) => {
    everyIndex(kernel).forEach((place, placeIndex) => {
      const position = image.map((_, axis) => {
        const { stride, dilation, before } = alongAxis({ kernel, ...rest }, axis);
        return window[axis]! * stride + place[axis]! * dilation - before;
      });
      const at = flatPosition(image, position);
      for (let index = 0; at !== undefined && index < batch * out; index++) {
        const channel = index % out;
        const first = Math.floor(channel / (out / group)) * inner;
        for (let k = 0; k < inner; k++) {
          const target = (Math.floor(index / out) * channels + first + k) * area + at;
          y[target]! += x[index * windows + windowIndex]! * weight[(channel * inner + k) * places + placeIndex]!;
        }
      }
    });
  });
  return y;
}

/** Applies `summary` to what each window sees of each channel; places outside are left out. Also tells how many places lie in the padded image. */
export function pool(
  x: readonly number[],
  [batch = 0, channels = 0, ...image]: Shape,
  sliding: Sliding,
  summary: (seen: readonly number[], inPadded: number) => number,
): number[] {
  const [area, windows] = [product(image), product(slidingShape(image, sliding))];
  const positions = Array.from({ length: windows }, (): number[] => []);
  const inPadded = new Array<number>(windows).fill(0);
  slide(image, sliding, (window, _, position) => {
    const at = flatPosition(image, position);
    if (at !== undefined) {
      positions[window]!.push(at);
    }
    const isInPadded = position.every((each, axis) => each < image[axis]! + alongAxis(sliding, axis).after);
    inPadded[window]! += isInPadded ? 1 : 0;
  });
  return Array.from({ length: batch * channels }, (_, plane) =>
    positions.map((each, window) =>
      summary(
        each.map((at) => x[plane * area + at]!),
        inPadded[window]!,
      ),
    ),
  ).flat();
}

function alongAxis({ kernel, strides, dilations, pads }: Sliding, axis: number) {
  return {
    kernel: kernel[axis]!,
    stride: strides?.[axis] ?? 1,
    dilation: dilations?.[axis] ?? 1,
    before: pads?.[axis] ?? 0,
    after: pads?.[axis + kernel.length] ?? 0,
  };
}

function everyIndex(shape: readonly number[]): readonly (readonly number[])[] {
  return shape.reduce<readonly (readonly number[])[]>(
    (indices, size) => indices.flatMap((index) => Array.from({ length: size }, (_, each) => [...index, each])),
    [[]],
  );
}

function product(numbers: readonly number[]): number {
  return numbers.reduce((result, each) => result * each, 1);
}
