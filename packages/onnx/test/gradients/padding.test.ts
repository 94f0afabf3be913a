import { checkRules, floats, int64, type RuleCheck, uniform } from "./harness.ts";

const pad = (
  shape: number[],
  pads: number[],
  {
    mode = "constant",
    axes,
    free = [0],
    opset,
  }: { mode?: string; axes?: number[]; free?: number[]; opset?: RuleCheck["opset"] } = {},
): RuleCheck => ({
  op: "Pad",
  inputs: [uniform(shape), int64(pads), undefined, axes && int64(axes)],
  attributes: { mode },
  free: [free],
  opset,
  name: `[${pads}] along [${axes ?? ""}]`,
});
const wrap = { mode: "wrap", opset: [19, 26] } as const;

checkRules([
  pad([5], [2, 1], { free: [] }),
  pad([4, 3], [0, 1, 0, 2]),
  pad([4, 2, 3, 3], [0, 0, 1, 2, 0, 0, 3, 0]),
  pad([4, 5], [0, -1, 0, 2]),
  pad([4, 5], [1, 2], { axes: [-1] }),
  pad([4, 5], [0, 2, 0, 0], { free: [0, 1] }),
  ...(["reflect", "edge"] as const).flatMap((mode) => [
    pad([5], [2, 1], { mode, free: [] }),
    pad([4, 3], [0, 2, 0, 1], { mode }),
    pad([4, 2, 3, 4], [0, 0, 1, 2, 0, 0, 2, 3], { mode }),
    pad([4, 5], [0, 3], { mode, axes: [1], free: [0, 1] }),
    pad([4, 5], [-1, 0], { mode, axes: [1] }),
    pad([3, 4], [1, 1, 1, 1], { mode, free: [] }),
  ]),
  pad([5], [2, 1], { ...wrap, free: [] }),
  pad([4, 3], [0, 3, 0, 2], wrap),
  pad([4, 5], [0, 3], { ...wrap, axes: [1], free: [0, 1] }),
  { op: "Pad", inputs: [uniform([4, 3]), int64([0, 1, 0, 2]), floats([], [0.5])], free: [[0]], name: "value wanted" },
  {
    op: "Pad",
    inputs: [uniform([4, 3]), int64([1, 2]), floats([], [0.5]), int64([1])],
    constants: [2],
    free: [[0]],
    name: "value given",
  },
]);
