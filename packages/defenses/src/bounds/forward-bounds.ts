import { openSession } from "@casemate/onnx";
import type { Tensor } from "@casemate/tensor";
import { ballFeeds } from "./ball-feeds.ts";
import { type BlockBounds, type BoundSettings, marginRows } from "./block-bounds.ts";
import { boundGraph } from "./bound-graph.ts";
import { intervalPass } from "./interval-pass.ts";
import { linearBounds } from "./linear-bounds.ts";
import type { Network } from "./network.ts";

import { zonotopePass } from "./zonotope-pass.ts";

/** Bounds in one pass from the input on: intervals, or zonotopes. In L2 and L1 they hold for the box around the ball. */
export async function openForwardBounds(
  network: Network,
  { rounding, threads, method }: BoundSettings & { readonly method: "ibp" | "deepz" },
): Promise<BlockBounds> {
  const model = boundGraph(network, ({ graph, ball }) => {
    const { box } = ball("linf");
    const rows = [network.classes - 1, network.classes];
    const specification = graph.input("specification", "float32", ["batch", ...rows]);
    if (method === "deepz") {
      const { lower, interval } = zonotopePass(graph, network, { box, specification, rounding });
      return { margins: lower, lower: interval.lower, upper: interval.upper };
    }
    const intervals = intervalPass(graph, network, new Map([[network.input.name, box]]), rounding);
    const margins = linearBounds(graph, network, {
      target: network.output.name,
      specification,
      isShared: false,
      intervals,
      rounding,
      ball: { box },
      stopsAtActivations: true,
    });
    const { lower, upper } = intervals.interval(network.output.name);
    return { margins, lower, upper };
  });
  const session = await openSession(model, threads === undefined ? {} : { threads });
  const run = (x: Tensor, labels: ArrayLike<number>, ball: Parameters<BlockBounds["margins"]>[2]) =>
    session.run({
      ...ballFeeds(x, { ...ball, norm: "linf" }, rounding),
      specification: marginRows(labels, network.classes),
    });
  const symbols = method === "deepz" ? network.widest * 2 : 1;
  return {
    blockSize: Math.max(1, Math.min(256, Math.floor(LARGEST_BLOCK / (network.widest * symbols)))),
    async margins(x, labels, ball) {
      return (await run(x, labels, ball)).margins as Tensor;
    },
    async logits(x, ball) {
      const { lower, upper } = await run(x, new Int32Array(x.shape[0]!), ball);
      return { lower: lower as Tensor, upper: upper as Tensor };
    },
    dispose: () => session.dispose(),
  };
}

/** Numbers of the largest tensor of a block, about. */
const LARGEST_BLOCK = 2 ** 22;
