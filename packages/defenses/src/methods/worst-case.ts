import type { GraphBuilder, Model, Value } from "@casemate/onnx";
import { type Tensor, tensor } from "@casemate/tensor";
import { ballFeeds } from "../bounds/ball-feeds.ts";
import { boundGraph } from "../bounds/bound-graph.ts";
import { intervalPass } from "../bounds/interval-pass.ts";
import { linearBounds } from "../bounds/linear-bounds.ts";
import { openNetwork } from "../bounds/network.ts";
import { DefenseError } from "../errors.ts";
import type { Batch, TrainingState } from "../training/method.ts";

/** Margins between the label's logit and each other, from below: [batch, classes], 0 for the label itself. */
interface Margins {
  readonly graph: GraphBuilder;
  readonly ibp: Value;
  /** Linear bounds through layers that intervals bound; written when asked for. */
  crown(): Value;
}

/**
 * The graph over a model's own weights that certified training descends: one output [logits | worst-case logits], where the
 * worst case of a logit is how far it can exceed the label's. Plain float32 arithmetic, for gradients and not for certificates.
 * Throws a DefenseError UNSUPPORTED_MODEL for what cannot be bounded, and for batch normalisation.
 */
export async function certifiedGraph(model: Model, choose: (margins: Margins) => Value): Promise<Model> {
  const isNormalizing = model.graph.nodes.some(({ op }) => op === "BatchNormalization");
  if (isNormalizing) {
    const got = "got BatchNormalization, whose statistics bounds do not know while they change";
    throw new DefenseError("UNSUPPORTED_MODEL", `certified training: expected a model without it, ${got}`);
  }
  const network = await openNetwork(model, { bounds: { lower: 0, upper: 1 } });
  return boundGraph(network, ({ graph, like, ball }) => {
    const set = ball("linf");
    like(network.input.name, network.input);
    const { classes } = network;
    const specification = graph.input(SPECIFICATION, "float32", ["batch", classes, classes]);
    const intervals = intervalPass(graph, network, new Map([[network.input.name, set.box]]), "nearest");
    const bound = (stopsAtActivations: boolean) =>
      linearBounds(graph, network, {
        target: network.output.name,
        specification,
        isShared: false,
        intervals,
        rounding: "nearest",
        ball: set,
        stopsAtActivations,
      });
    const margins = choose({ graph, ibp: bound(true), crown: () => bound(false) });
    return { certified: graph.Concat([network.output, graph.Neg(margins)], 1) };
  });
}

/** One step on a batch and the boxes around its samples; `schedule` holds what else the graph and the loss take, a number each. */
export async function certifiedStep(
  { x, labels, targets }: Batch,
  { trainer, classifier, input, threat, rate }: TrainingState,
  schedule: Readonly<Record<string, number>>,
): Promise<Float32Array> {
  const { norm, epsilon } = threat;
  if (norm !== "linf") {
    throw new DefenseError("INVALID_OPTION", `certified training: expected a ball in linf, got one in ${norm}`);
  }
  const numbers = Object.entries(schedule).map(([name, value]) => [name, tensor([1], Float32Array.of(value))]);
  const feeds = {
    ...ballFeeds(x, { norm, epsilon, bounds: classifier.bounds }, "nearest"),
    ...Object.fromEntries(numbers),
    [input]: x,
    targets,
    [SPECIFICATION]: specificationOf(labels, classifier.classes),
  };
  const { loss } = await trainer.step(feeds, rate);
  return loss;
}

const SPECIFICATION = "specification";

/** For each sample the rows z_label - z_k, in the order of the classes: [n, classes, classes]. */
function specificationOf(labels: Int32Array, classes: number): Tensor {
  const rows = tensor([labels.length, classes, classes]);
  for (const [i, label] of labels.entries()) {
    for (let k = 0; k < classes; k++) {
      if (k === label) continue;
      const start = (i * classes + k) * classes;
      rows.data[start + label] = 1;
      rows.data[start + k] = -1;
    }
  }
  return rows;
}
