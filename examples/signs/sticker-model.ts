import { editInput, editOutput, type Model } from "@casemate/onnx";
import { sizeOf, type Tensor, tensor } from "@casemate/tensor";
import { type Face, withSticker } from "./face.ts";
import { drawScene, type SceneKey, SIZE } from "./scene.ts";
import { type Layout, stickerOf } from "./sticker.ts";

/**
 * A model of the sticker in place of the image: its input is the colours [batch, 3, cells], its output the mean log-probabilities
 * over the scenes that `keys` draw of the face with the sticker on it. An attack on it is one under expectation over
 * transformation (Athalye et al., 2018, https://arxiv.org/abs/1707.07397) with these scenes.
 */
export function stickerModel(classifier: Model, face: Face, layout: Layout, keys: readonly SceneKey[]): Model {
  const views = keys.map((key) => viewOf(face, layout, key));
  const [output] = classifier.graph.outputs;
  const classes = output!.shape!.at(-1) as number;
  const seen = editInput(classifier, "image", (graph, colours) => {
    const slopes = graph.constant(
      stacked(
        views.map(({ slopes }) => slopes),
        [3, SIZE * SIZE, layout.cells],
      ),
    );
    const bare = graph.constant(
      stacked(
        views.map(({ bare }) => bare),
        [3, SIZE * SIZE, 1],
      ),
    );
    const exposure = graph.Add(graph.MatMul(slopes, graph.Unsqueeze(colours, [1, 4])), bare); // [batch, scenes, 3, pixels, 1]
    const images = graph.op("Clip", [exposure, graph.scalar(0, colours), graph.scalar(1, colours)]);
    return graph.Reshape(images, graph.ints([-1, 3, SIZE, SIZE]));
  });
  const logits = { name: output!.name, dtype: "float32", shape: ["batch", classes] } as const;
  const model = editOutput(seen, logits, (graph, y) => {
    const scenes = graph.Reshape(graph.LogSoftmax(y, 1), graph.ints([-1, keys.length, classes]));
    return graph.op("ReduceMean", [scenes, graph.ints([1])], {
      attributes: { keepdims: 0 },
      shape: ["batch", classes],
    });
  });
  const input = { name: "image", dtype: "float32", shape: ["batch", 3, layout.cells], kind: "tensor" } as const;
  return { ...model, graph: { ...model.graph, inputs: [input] } };
}

/** One scene as an affine function of the sticker's colours. */
interface View {
  /** What each cell adds to each pixel when its colour grows from 0 to 1: [3, pixels, cells]. */
  readonly slopes: Float32Array;
  /** The exposure under a black sticker: [3, pixels, 1]. */
  readonly bare: Float32Array;
}

/** Renders the scene under a black sticker, and with each cell lit in turn. */
function viewOf(face: Face, layout: Layout, key: SceneKey): View {
  const { cells } = layout;
  const exposureOf = (colours: Float32Array) => drawScene(withSticker(face, stickerOf(layout, colours)), key).exposure;
  const bare = exposureOf(new Float32Array(3 * cells));
  const slopes = new Float32Array(bare.length * cells);
  for (let cell = 0; cell < cells; cell++) {
    const lit = exposureOf(new Float32Array(3 * cells).map((_, i) => (i % cells === cell ? 1 : 0)));
    for (let pixel = 0; pixel < bare.length; pixel++) slopes[pixel * cells + cell] = lit[pixel]! - bare[pixel]!;
  }
  return { slopes, bare };
}

function stacked(parts: readonly Float32Array[], shape: readonly number[]): Tensor {
  const data = new Float32Array(parts.length * sizeOf(shape));
  for (const [i, part] of parts.entries()) data.set(part, i * part.length);
  return tensor([parts.length, ...shape], data);
}
