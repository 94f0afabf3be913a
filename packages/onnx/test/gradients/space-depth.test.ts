import { checkRules, type RuleCheck, uniform } from "./harness.ts";

const blocks = (op: string, shape: readonly number[], attributes: RuleCheck["attributes"]): RuleCheck => ({
  op,
  inputs: [uniform(shape)],
  attributes,
  free: [op === "SpaceToDepth" ? [0] : [0, 2, 3]],
});

checkRules([
  blocks("SpaceToDepth", [2, 3, 4, 6], { blocksize: 2 }),
  blocks("SpaceToDepth", [1, 2, 3, 6], { blocksize: 3 }),
  blocks("DepthToSpace", [2, 12, 2, 3], { blocksize: 2 }),
  blocks("DepthToSpace", [2, 8, 2, 3], { blocksize: 2, mode: "CRD" }),
  blocks("DepthToSpace", [1, 18, 2, 2], { blocksize: 3, mode: "CRD" }),
  blocks("DepthToSpace", [2, 12, 2, 3], { blocksize: 2, mode: "DCR" }),
]);
