import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readDataset, readNpz } from "@casemate/data";
import { type Model, readModel } from "@casemate/onnx";
import { clopperPearson } from "@casemate/statistics";
import { tensor } from "@casemate/tensor";
import { decode } from "fast-png";
import { describe, expect, test } from "vitest";
import { accuracy } from "../examples/signs/evaluate.ts";
import { paintFace, paintFaces, withSticker } from "../examples/signs/face.ts";
import { encodePng } from "../examples/signs/grid.ts";
import { frontal, homographyOf, inverse, project } from "../examples/signs/homography.ts";
import { daylight, type Light, photograph } from "../examples/signs/light.ts";
import { makeSticker } from "../examples/signs/make-sticker.ts";
import { renderSign } from "../examples/signs/render.ts";
import { drawScene } from "../examples/signs/scene.ts";
import { path } from "../examples/signs/shapes.ts";
import { signs } from "../examples/signs/signs.ts";
import { poseOf, twoBars } from "../examples/signs/sticker.ts";
import { drawTestSet } from "../examples/signs/test-set.ts";
import { batchOf, train } from "../examples/signs/train.ts";
import { root } from "./casemate.ts";

const folder = join(root, "examples", "signs");
const stop = signs.find(({ name }) => name === "stop")!;

describe("rendering", () => {
  test("the committed test set is what its keys draw", async () => {
    const committed = await readNpz(join(folder, "signs-test.npz"));
    const drawn = drawTestSet(48);
    const first = committed.get("x")!.data.slice(0, drawn.x.data.length) as Uint8Array;
    expect(sha256(drawn.x.data)).toBe(sha256(first));
    expect(committed.get("y")!.data.slice(0, 48)).toEqual(drawn.y.data);
  });

  test("a scene depends on its key only, not on what was drawn before", () => {
    const face = paintFace(stop, 64);
    const key = { seed: 3, stream: 9, sample: 5 };
    const alone = drawScene(face, key).image;
    drawScene(face, { ...key, sample: 6 });
    expect(drawScene(face, key).image).toEqual(alone);
    expect(drawScene(face, { ...key, sample: 6 }).image).not.toEqual(alone);
  });

  test("an octagon seen from the front covers its share of the image, and its corners are where the homography puts them", () => {
    const { mask, corners, homography } = renderSign(paintFace(stop, 128), frontal, daylight, 64);
    const area = mask.reduce((sum, each) => sum + each, 0) / mask.length;
    expect(area).toBeCloseTo(8 * Math.tan(Math.PI / 8) * 0.97 ** 2 * 0.9 ** 2 * 0.25, 2); // of apothem 0.97, in an image of 2 × 2
    expect(corners.flat().map((each) => Math.round(10 * each))).toEqual([32, 32, 608, 32, 608, 608, 32, 608]);
    expect(project(inverse(homography), corners[2]!).map((each) => each.toFixed(9))).toEqual([
      "1.000000000",
      "1.000000000",
    ]);
  });

  test("a sign turned to one side is foreshortened, and its nearer edge is longer", () => {
    const homography = homographyOf({ ...frontal, pan: 0.6 }, 100);
    const at = (x: number, y: number) => project(homography, [x, y]);
    const height = (x: number) => at(x, 1)[1] - at(x, -1)[1];
    expect(at(1, 0)[0] - at(-1, 0)[0]).toBeLessThan(90);
    expect(Math.max(height(-1), height(1)) / Math.min(height(-1), height(1))).toBeGreaterThan(1.2);
  });

  test("light on an even scene has a closed form, which blur does not change", () => {
    const light: Light = { brightness: 0.8, contrast: 1.2, cast: [1, 0.9, 1.1], blur: 0.05 };
    const scene = new Float32Array(3 * 16 * 16).fill(0.6);
    photograph(scene, 16, light);
    for (const [i, value] of scene.entries()) {
      expect(value).toBeCloseTo(0.5 + (0.6 * 0.8 * light.cast[Math.floor(i / 256)]! - 0.5) * 1.2, 5);
    }
  });

  test("a sticker shows where its mask is, and only on the sign", () => {
    const face = paintFace(stop, 64);
    const colours = new Float32Array(3 * 64 * 64).fill(1);
    const mask = Float32Array.from({ length: 64 * 64 }, (_, i) => (i < 64 * 32 ? 1 : 0)); // the upper half
    const clean = renderSign(face, frontal, daylight, 32);
    const stuck = renderSign(withSticker(face, { side: 64, colours, mask }), frontal, daylight, 32);
    const changed = stuck.image.data.map((value, i) => value - clean.image.data[i]!);
    const row = (y: number) => changed.slice(32 * 32 + y * 32, 32 * 32 + (y + 1) * 32); // green: little of it in red
    expect(Math.max(...row(10))).toBeGreaterThan(0.8);
    expect(Math.max(...row(20).map(Math.abs))).toBe(0);
    expect(stuck.mask).toEqual(clean.mask);
    expect(changed[32 * 32 + 3 * 32 + 3]).toBe(0); // beside the octagon's corner
  });

  test("a picture survives its PNG", () => {
    const { image } = renderSign(paintFace(stop, 64), frontal, daylight, 32);
    const { data, width, height } = decode(encodePng(image));
    expect([width, height]).toEqual([32, 32]);
    expect(data[3 * (16 * 32 + 5)]).toBe(Math.round(255 * image.data[16 * 32 + 5]!));
  });
});

describe("the classifier", () => {
  test("recognises at least 98 % of the committed test set", async () => {
    const { x, labels } = await readDataset(join(folder, "signs-test.npz"), { scale: 1 / 255 });
    expect(await accuracy(await readModel(join(folder, "signs.onnx")), x, labels)).toBeGreaterThanOrEqual(0.98);
  });

  test("has the classes of the contract", () => {
    const contract = JSON.parse(readFileSync(join(folder, "signs.contract.json"), "utf8"));
    expect(contract.output.classes).toEqual(signs.map(({ name }) => name));
  });

  test("a few steps of training lower the loss, the same way each time", async () => {
    const [losses, model] = await trained();
    const [again] = await trained();
    expect(again).toEqual(losses);
    const mean = (numbers: readonly number[]) => numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
    expect(mean(losses.slice(-3))).toBeLessThan(mean(losses.slice(0, 3)) - 0.3);
    const images = paintFaces(64).map((face) => renderSign(face, frontal, daylight, 32).image);
    const x = tensor([16, 3, 32, 32], Float32Array.from(images.flatMap(({ data }) => [...data])));
    const share = await accuracy(model, x, [...signs.keys()]);
    expect(clopperPearson(16 * share, 16, 0.99).lower).toBeGreaterThan(1 / 16); // as often as a guess
  });
});

describe("the sticker", () => {
  test("is posed so that its corners are those of the face", () => {
    const { corners, homography } = drawScene(paintFace(stop, 64), { seed: 3, stream: 9, sample: 1 });
    const pose = poseOf(homography, 10);
    for (const [i, corner] of path(0, 0, 10, 0, 10, 10, 0, 10).entries()) {
      for (const [axis, value] of project(pose, corner).entries()) expect(value).toBeCloseTo(corners[i]![axis]!, 9);
    }
  });

  test("covers two bars of the face", () => {
    const { data } = twoBars(32);
    expect(data.reduce((sum, each) => sum + each, 0)).toBe(2 * 20 * 6);
    expect(data.slice(32 * 14, 32 * 18).every((each) => each === 0)).toBe(true); // where the word is
  });

  test("made on a few scenes, hides most stop signs in others, which the same bars in grey do not", async () => {
    const classifier = await readModel(join(folder, "signs.onnx"));
    const label = signs.indexOf(stop);
    const target = signs.findIndex(({ name }) => name === "speed limit 80");
    const palette = [0.05, 0.95].map((level) => [level, level, level]);
    const sticker = await makeSticker(classifier, { label, target, palette, scenes: 24, steps: 40 });
    expect(new Set(sticker.colours)).toEqual(new Set([0.05, 0.95].map(Math.fround)));
    const grey = { ...sticker, colours: sticker.colours.map(() => 0.5) };
    const [stuck, covered] = await Promise.all(
      [sticker, grey].map((each) => {
        const face = withSticker(paintFace(stop, 64), each);
        const scenes = Array.from({ length: 60 }, (_, sample) => drawScene(face, { seed: 0, stream: 9, sample }).image);
        return accuracy(classifier, batchOf(scenes), Array(60).fill(label));
      }),
    );
    expect(stuck).toBeLessThan(0.4);
    expect(covered).toBeGreaterThan(0.6);
  });
});

/** The losses of a short training, and its model. */
async function trained() {
  const losses: number[] = [];
  let model: (() => Model) | undefined;
  for await (const step of train({ steps: 24, batch: 16, learningRate: 4e-3 })) {
    losses.push(step.loss);
    model = step.model;
  }
  return [losses, model!()] as const;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
