/** The light on a scene and the camera that takes it. */
export interface Light {
  readonly brightness: number;
  /** How far colours are from mid grey, as a multiple. */
  readonly contrast: number;
  /** What each of red, green and blue is multiplied by. */
  readonly cast: readonly [red: number, green: number, blue: number];
  /** A half of the image in the dark, behind a soft edge; `angle` in radians, `offset` and `softness` in halves of the image. */
  readonly shadow?: {
    readonly angle: number;
    readonly offset: number;
    readonly softness: number;
    readonly depth: number;
  };
  /** Standard deviation of a Gaussian, as a share of the image's side. */
  readonly blur: number;
  /** What the sensor adds: [3, size, size]. */
  readonly noise?: Float32Array;
}

export const daylight: Light = { brightness: 1, contrast: 1, cast: [1, 1, 1], blur: 0 };

/** What the camera makes of a scene [3, size, size] in this light; numbers from 0 to 1. Changes the scene. */
export function photograph(scene: Float32Array, size: number, light: Light): Float32Array {
  const { brightness, contrast, cast, noise } = light;
  const pixels = size * size;
  const shade = shadeOf(light, size);
  for (let i = 0; i < scene.length; i++) {
    scene[i]! *= brightness * cast[Math.floor(i / pixels)]! * shade[i % pixels]!;
  }
  blur(scene, size, light.blur * size);
  for (let i = 0; i < scene.length; i++) {
    const value = 0.5 + (scene[i]! - 0.5) * contrast + (noise ? noise[i]! : 0);
    scene[i] = Math.min(1, Math.max(0, value));
  }
  return scene;
}

/** What share of the light arrives at each pixel. */
function shadeOf({ shadow }: Light, size: number): Float32Array {
  const shade = new Float32Array(size * size).fill(1);
  if (!shadow) return shade;
  const { angle, offset, softness, depth } = shadow;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  for (let i = 0; i < shade.length; i++) {
    const x = (2 * ((i % size) + 0.5)) / size - 1;
    const y = (2 * (Math.floor(i / size) + 0.5)) / size - 1;
    const inside = Math.min(1, Math.max(0, 0.5 + (cos * x + sin * y - offset) / softness));
    shade[i] = 1 - depth * inside;
  }
  return shade;
}

/** Gaussian blur by `deviation` pixels, rows then columns; edges repeat. */
function blur(image: Float32Array, size: number, deviation: number): void {
  if (deviation < 0.1) return;
  const reach = Math.ceil(2.5 * deviation);
  const bell = Array.from({ length: 2 * reach + 1 }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * deviation ** 2)));
  const total = bell.reduce((sum, each) => sum + each, 0);
  const weights = Float64Array.from(bell, (each) => each / total);
  const line = new Float32Array(size);
  for (const [along, across] of [
    [1, size],
    [size, 1],
  ] as const) {
    for (let index = 0; index < 3 * size; index++) {
      const start = Math.floor(index / size) * size * size + (index % size) * across;
      for (let i = 0; i < size; i++) {
        let sum = 0;
        for (let k = -reach; k <= reach; k++) {
          const from = Math.min(size - 1, Math.max(0, i + k));
          sum += weights[k + reach]! * image[start + from * along]!;
        }
        line[i] = sum;
      }
      for (let i = 0; i < size; i++) image[start + i * along] = line[i]!;
    }
  }
}
