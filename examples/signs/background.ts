import { type Draw, fillUniform } from "@casemate/tensor";

/** What the draws of a background start from, so that they share no number with other draws of the sample. */
const FIRST_STEP = 100;

/**
 * A made-up street behind a sign: sky over ground, boxes and bushes as clutter, a grain of light and dark, the pole of the
 * sign. [3, size, size].
 */
export function drawBackground(
  size: number,
  key: Omit<Draw, "step">,
  pole: { readonly x: number; readonly top: number },
): Float32Array {
  const numbers = (step: number, count: number): Float32Array =>
    fillUniform(new Float32Array(count), { ...key, step: FIRST_STEP + step });
  const image = new Float32Array(3 * size * size);
  skyAndGround(image, size, numbers(0, 11));
  const [density] = numbers(1, 1);
  const count = Math.floor(density! * 9);
  for (let i = 0; i < count; i++) clutter(image, size, numbers(2 + i, 9));
  grain(image, size, 4, 0.25, numbers(20, 25));
  grain(image, size, 12, 0.2, numbers(21, 169));
  const [grey, width] = numbers(22, 2);
  const half = 0.03 + 0.03 * width!;
  fill(image, size, [0.3 + 0.4 * grey!, 0.3 + 0.4 * grey!, 0.32 + 0.4 * grey!], (x, y) =>
    y > pole.top ? (half - Math.abs(x - pole.x)) * (size / 2) : 0,
  );
  return image;
}

function skyAndGround(image: Float32Array, size: number, u: Float32Array): void {
  const horizon = -0.2 + 1.4 * u[0]!;
  const light = 0.25 + 0.75 * u[1]!;
  const sky = [light * (0.5 + 0.5 * u[2]!), light * (0.6 + 0.4 * u[3]!), light * (0.7 + 0.3 * u[4]!)];
  const ground = muted([u[5]!, u[6]!, u[7]!]).map((each) => light * (0.15 + 0.5 * each));
  const fade = 0.5 * u[8]!;
  for (let i = 0; i < image.length; i++) {
    const pixel = i % (size * size);
    const y = (2 * (Math.floor(pixel / size) + 0.5)) / size - 1;
    const channel = Math.floor(i / (size * size));
    image[i] = y < horizon ? sky[channel]! * (1 - fade * (y + 1)) : ground[channel]! * (1 - fade * (1 - y));
  }
}

/** A box or a round bush of any colour. */
function clutter(image: Float32Array, size: number, u: Float32Array): void {
  const [cx, cy] = [2.4 * u[0]! - 1.2, 2.4 * u[1]! - 1.2];
  const [rx, ry] = [0.1 + 0.6 * u[2]!, 0.1 + 0.6 * u[3]!];
  const isBox = u[4]! < 0.6;
  const colour = muted([u[5]!, u[6]!, u[7]!]).map((each) => 0.05 + each * (0.3 + 0.6 * u[8]!));
  fill(image, size, colour, (x, y) => {
    const [dx, dy] = [Math.abs(x - cx) / rx, Math.abs(y - cy) / ry];
    return (1 - (isBox ? Math.max(dx, dy) : Math.sqrt(dx * dx + dy * dy))) * Math.min(rx, ry) * (size / 2);
  });
}

/** Half way to grey, as most of a street is. */
function muted(colour: readonly number[]): number[] {
  const grey = colour.reduce((sum, each) => sum + each, 0) / colour.length;
  return colour.map((each) => (each + grey) / 2);
}

/** Paints where `depth`, in pixels, is above 0, with an edge a pixel wide. */
function fill(
  image: Float32Array,
  size: number,
  colour: readonly number[],
  depth: (x: number, y: number) => number,
): void {
  const pixels = size * size;
  for (let i = 0; i < pixels; i++) {
    const opacity = Math.min(
      1,
      Math.max(0, depth((2 * ((i % size) + 0.5)) / size - 1, (2 * (Math.floor(i / size) + 0.5)) / size - 1)),
    );
    if (opacity === 0) continue;
    for (let channel = 0; channel < 3; channel++) {
      const at = channel * pixels + i;
      image[at] = image[at]! * (1 - opacity) + colour[channel]! * opacity;
    }
  }
}

/** Multiplies by numbers around 1 from a coarse grid of cells × cells, bilinearly between its knots. */
function grain(image: Float32Array, size: number, cells: number, strength: number, knots: Float32Array): void {
  const pixels = size * size;
  for (let i = 0; i < pixels; i++) {
    const x = (((i % size) + 0.5) * cells) / size;
    const y = ((Math.floor(i / size) + 0.5) * cells) / size;
    const [column, row] = [Math.floor(x), Math.floor(y)];
    const knot = (dx: number, dy: number): number => knots[(row + dy) * (cells + 1) + column + dx]!;
    const [sx, sy] = [x - column, y - row];
    const value = (knot(0, 0) * (1 - sx) + knot(1, 0) * sx) * (1 - sy) + (knot(0, 1) * (1 - sx) + knot(1, 1) * sx) * sy;
    for (let at = i; at < image.length; at += pixels) image[at]! *= 1 + strength * (2 * value - 1);
  }
}
