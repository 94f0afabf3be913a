import { amount, extent } from "./amounts.ts";
import { listOf } from "./axes.ts";
import type { Gradient } from "./gradient.ts";

// Moving blocks of space to channels and back are transposes of each other, as SpaceToDepth orders the channels.
export const SpaceToDepth: Gradient = ({ graph, dy, int }) => [
  graph.op("DepthToSpace", [dy], { attributes: { blocksize: int("blocksize", 1), mode: "DCR" } }),
];

export const DepthToSpace: Gradient = ({ graph, dy, inputs: [x], int, string }) => {
  const blocksize = int("blocksize", 1);
  const moved = graph.op("SpaceToDepth", [dy], { attributes: { blocksize } });
  if (string("mode", "DCR") === "DCR") {
    return [moved];
  }
  // Column-row-depth order: [block, block, channels] becomes [channels, block, block].
  const channels = amount(graph, "Div", extent(graph, x!, 1), blocksize ** 2);
  const blocks = graph.Reshape(moved, listOf(graph, [0, blocksize ** 2, channels, -1]));
  return [graph.reshapeLike(graph.Transpose(blocks, [0, 2, 1, 3]), x!)];
};
