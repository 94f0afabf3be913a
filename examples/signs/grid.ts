import { type Tensor, tensor } from "@casemate/tensor";
import { encode } from "fast-png";

/** Images [3, size, size] side by side in rows of `columns`, with a margin of white between them. */
export function gridOf(images: readonly Tensor[], columns: number, margin = 2): Tensor {
  const size = images[0]!.shape[1]!;
  const rows = Math.ceil(images.length / columns);
  const step = size + margin;
  const [height, width] = [rows * step + margin, columns * step + margin];
  const grid = tensor([3, height, width], new Float32Array(3 * height * width).fill(1));
  for (const [index, { data }] of images.entries()) {
    const top = margin + step * Math.floor(index / columns);
    const left = margin + step * (index % columns);
    for (let line = 0; line < 3 * size; line++) {
      const channel = Math.floor(line / size);
      const at = (channel * height + top + (line % size)) * width + left;
      grid.data.set(data.subarray(line * size, (line + 1) * size), at);
    }
  }
  return grid;
}

/** Each pixel as a block of times × times. */
export function enlarge({ shape: [, size = 0], data }: Tensor, times: number): Tensor {
  const side = size * times;
  const pixel = (i: number): number => {
    const [channel, y, x] = [Math.floor(i / (side * side)), Math.floor(i / side) % side, i % side];
    return data[(channel * size + Math.floor(y / times)) * size + Math.floor(x / times)]!;
  };
  return tensor(
    [3, side, side],
    Float32Array.from({ length: 3 * side * side }, (_, i) => pixel(i)),
  );
}

/** An image [3, height, width] from 0 to 1 as a PNG. */
export function encodePng({ shape, data }: Tensor): Uint8Array {
  const [, height = 0, width = 0] = shape;
  const pixels = height * width;
  const bytes = Uint8Array.from({ length: 3 * pixels }, (_, i) =>
    Math.round(255 * data[(i % 3) * pixels + Math.floor(i / 3)]!),
  );
  return encode({ width, height, channels: 3, data: bytes });
}
