import { type Bounds, completed } from "@casemate/attacks";
import type { Model } from "@casemate/onnx";
import { type Tensor, tensor } from "@casemate/tensor";
import { cnn } from "../architectures/cnn.ts";
import { mlp } from "../architectures/mlp.ts";
import { train } from "../training/train.ts";
import type { Detector } from "./detector.ts";
import { embedded } from "./graph-run.ts";

export interface BinaryDetectorOptions {
  /** The box that inputs live in. */
  readonly bounds?: Bounds;
  readonly layout?: "channels-first" | "channels-last";
  readonly epochs?: number;
}

/**
 * A second network that tells attacked inputs from clean ones: the log-odds that it gives (Gong et al., 2017,
 * https://arxiv.org/abs/1704.04960). Trained on the samples and on what PGD makes of them; of the size of LeNet for images
 * [channels, height, width], two dense layers for other inputs.
 */
export function binaryDetector({
  bounds = { lower: 0, upper: 1 },
  layout = "channels-first",
  epochs = 5,
}: BinaryDetectorOptions = {}): Detector {
  return {
    name: "binary",
    citation: { text: "Gong et al., 2017", url: "https://arxiv.org/abs/1704.04960" },
    pairs: "all",
    async fit({ pairs, seed, signal }) {
      const { clean, attacked } = pairs!;
      const x = joined(clean.x, attacked.x);
      const count = clean.x.shape[0]!;
      const labels = Int32Array.from({ length: 2 * count }, (_, i) => Number(i >= count));
      const inputShape = x.shape.slice(1);
      const options = { inputShape, classes: 2, seed };
      const isPicture = inputShape.length === 3 && layout === "channels-first";
      const untrained: Model = isPicture ? cnn(options) : mlp(options);
      const { model } = await completed(
        train(
          untrained,
          { x, labels },
          { classifier: { bounds, inputShape }, epochs, seed, ...(signal && { signal }) },
        ),
      );
      signal?.throwIfAborted();
      return {
        score(graph, { x: input }) {
          const logits = embedded(graph, model, input);
          const part = (k: number) => graph.Squeeze(graph.Slice(logits, [k], [k + 1], [1]), [1]);
          return graph.Sub(part(1), part(0));
        },
      };
    },
  };
}

function joined(first: Tensor, second: Tensor): Tensor {
  const all = tensor([first.shape[0]! + second.shape[0]!, ...first.shape.slice(1)]);
  all.data.set(first.data);
  all.data.set(second.data, first.data.length);
  return all;
}
