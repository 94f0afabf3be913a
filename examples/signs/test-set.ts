import { sizeOf, type Tensor } from "@casemate/tensor";
import { paintFaces } from "./face.ts";
import { drawScene, SIZE, streams } from "./scene.ts";
import { signs } from "./signs.ts";

/** Scenes that no training saw, as the files of images are: [count, 3, 32, 32] in bytes. All signs in turn. */
export function drawTestSet(count = 480, seed = 0): { readonly x: Tensor<"uint8">; readonly y: Tensor<"uint8"> } {
  const faces = paintFaces(2 * SIZE);
  const x: Tensor<"uint8"> = {
    dtype: "uint8",
    shape: [count, 3, SIZE, SIZE],
    data: new Uint8Array(count * 3 * SIZE * SIZE),
  };
  const labels = Uint8Array.from({ length: count }, (_, i) => i % signs.length);
  for (const [sample, label] of labels.entries()) {
    const { image } = drawScene(faces[label]!, { seed, stream: streams.testing, sample });
    x.data.set(
      image.data.map((value) => Math.round(255 * value)),
      sample * sizeOf(image.shape),
    );
  }
  return { x, y: { dtype: "uint8", shape: [count], data: labels } };
}
