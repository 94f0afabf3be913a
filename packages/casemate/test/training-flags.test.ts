import { Command } from "commander";
import { expect, test } from "vitest";
import { addTrainingOptions, type TrainingFlags, trainModelOptionsOf } from "../src/commands/training-flags.ts";

const loopOf = (...flags: string[]) => {
  const command = addTrainingOptions(new Command(), "plain");
  command.parse(["--data", "a.npz", "--out", "b.onnx", ...flags], { from: "user" });
  return trainModelOptionsOf(command.opts<TrainingFlags>(), { model: "m.onnx" }, new AbortController().signal).loop;
};

test("images are augmented where that is asked for", () => {
  expect(loopOf()).not.toHaveProperty("augmentation");
  expect(loopOf("--shift", "2")).toMatchObject({ augmentation: { shift: 2 } });
  expect(loopOf("--shift", "2", "--flip")).toMatchObject({ augmentation: { shift: 2, flip: true } });
});

test("labels are smoothed for plain training alone, unless a share is given", () => {
  expect(loopOf().labelSmoothing).toBe(0.1);
  expect(loopOf("--method", "pgd", "--epsilon", "0.1").labelSmoothing).toBe(0);
  expect(loopOf("--label-smoothing", "0").labelSmoothing).toBe(0);
});

test("one way to blend samples goes at a time", () => {
  expect(() => loopOf("--mixup", "1", "--cutmix", "1")).toThrow("--mixup and --cutmix: expected one of the two");
});
