import { expect, test } from "vitest";
import { killUnderLoad } from "./crashes.ts";

test("killed twenty times under load, every acknowledged version is there and the log is whole", async () => {
  const { acknowledged, missing, isLogWhole } = await killUnderLoad(20, 5);
  console.log(acknowledged, "acknowledged versions");
  expect({ missing, isLogWhole }).toEqual({ missing: [], isLogWhole: true });
});
