import { type Draw, fillNormal, fillUniform } from "@casemate/tensor";
import { drawBackground } from "./background.ts";
import type { Face } from "./face.ts";
import type { Pose } from "./homography.ts";
import type { Light } from "./light.ts";
import { type Rendering, renderSign } from "./render.ts";

/** Which of all possible renderings: the same three numbers give the same scene. */
export type SceneKey = Omit<Draw, "step">;

/** What a scene's keys are for; two uses never share a rendering. */
export const streams = { training: 1, testing: 2, sticker: 3, judging: 4 } as const;

/** The side of the images that the classifier takes, in pixels. */
export const SIZE = 32;

/** A sign somewhere in a street: pose, light, blur, noise and background drawn by `key`. */
export function drawScene(face: Face, key: SceneKey, size = SIZE): Rendering {
  const numbers = (step: number, count: number) => fillUniform(new Float32Array(count), { ...key, step });
  const pose = drawPose(numbers(1, 6));
  const [noisiness] = numbers(3, 1);
  const noise = fillNormal(new Float32Array(3 * size * size), { ...key, step: 4 }).map((z) => z * 0.04 * noisiness!);
  const background = drawBackground(size, key, { x: pose.x, top: pose.y });
  return renderSign(face, pose, { ...drawLight(numbers(2, 11)), noise }, size, background);
}

function drawPose(u: Float32Array): Pose {
  const around = (i: number, most: number) => most * (2 * u[i]! - 1);
  return {
    scale: 0.6 + 0.35 * u[0]!,
    x: around(1, 0.15),
    y: around(2, 0.15),
    roll: around(3, 0.2),
    pan: around(4, 0.65),
    tilt: around(5, 0.35),
  };
}

function drawLight(u: Float32Array): Light {
  const around = (i: number, most: number) => most * (2 * u[i]! - 1);
  const light: Light = {
    brightness: 0.45 + 0.75 * u[0]!,
    contrast: 0.7 + 0.45 * u[1]!,
    cast: [1 + around(2, 0.12), 1 + around(3, 0.06), 1 + around(4, 0.12)],
    blur: 0.028 * u[5]! * u[5]!,
  };
  if (u[6]! > 0.35) return light;
  const shadow = {
    angle: 2 * Math.PI * u[7]!,
    offset: around(8, 0.5),
    softness: 0.1 + 0.5 * u[9]!,
    depth: 0.2 + 0.4 * u[10]!,
  };
  return { ...light, shadow };
}
