import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeNpz } from "@casemate/data";
import { type Model, writeModel } from "@casemate/onnx";
import { tensor } from "@casemate/tensor";
import { accuracy } from "./evaluate.ts";
import { paintFaces } from "./face.ts";
import { encodePng, enlarge, gridOf } from "./grid.ts";
import { frontal } from "./homography.ts";
import { daylight } from "./light.ts";
import { network } from "./network.ts";
import { renderSign } from "./render.ts";
import { drawScene, SIZE, streams } from "./scene.ts";
import { signs } from "./signs.ts";
import { drawTestSet } from "./test-set.ts";
import { train } from "./train.ts";

/** Trains the classifier, and writes it, its test set and the picture of its classes into the example's folder. */
const folder = join(import.meta.dirname, "..");

let loss = 0;
let model: Model = network(signs.length, 0);
for await (const training of train()) {
  loss = training.step === 0 ? training.loss : 0.98 * loss + 0.02 * training.loss;
  if (training.step % 100 === 99) console.log(`step ${training.step + 1}: loss ${loss.toFixed(3)}`);
  model = training.model();
}
await writeModel(model, join(folder, "signs.onnx"));

const { x, y } = drawTestSet();
await writeNpz(join(folder, "signs-test.npz"), { x, y });
const images = tensor(
  x.shape,
  Float32Array.from(x.data, (byte) => byte / 255),
);
const share = await accuracy(model, images, y.data);
console.log(`${(100 * share).toFixed(1)} % of ${y.data.length} scenes not trained on are recognised`);

const fromTheFront = paintFaces(4 * SIZE).map((face) => renderSign(face, frontal, daylight, 2 * SIZE).image);
const asTaken = paintFaces(2 * SIZE).map((face, sample) => {
  return enlarge(drawScene(face, { seed: 0, stream: streams.testing, sample }).image, 2);
});
const half = signs.length / 2;
const rows = [fromTheFront.slice(0, half), asTaken.slice(0, half), fromTheFront.slice(half), asTaken.slice(half)];
writeFileSync(join(folder, "signs.png"), encodePng(gridOf(rows.flat(), half)));
