import { encodeModel, type Model, type Node, openSession, parseModel, tensorInitializer } from "@casemate/onnx";
import { normalCdf } from "@casemate/statistics";
import { tensor } from "@casemate/tensor";
import { describe, expect, onTestFinished, test } from "vitest";
import { smoothedModel } from "../../src/index.ts";

type Kind = "logits" | "probabilities" | "logit" | "probability";

/** z = 3 x₀ + 4 x₁ as one number or, with 0 before it, as two; then as probabilities. */
function linear(kind: Kind, batch: number | "batch" = "batch"): Model {
  const isPair = kind === "logits" || kind === "probabilities";
  const weights = isPair ? Float32Array.of(0, 3, 0, 4) : Float32Array.of(3, 4);
  const end = { logits: "Identity", logit: "Identity", probabilities: "Softmax", probability: "Sigmoid" }[kind];
  const node = (op: string, inputs: readonly string[], output: string): Node => ({
    name: op,
    op,
    domain: "",
    inputs,
    outputs: [output],
    attributes: {},
  });
  const columns = isPair ? 2 : 1;
  return {
    irVersion: 8,
    opsets: new Map([["", 17]]),
    producer: "",
    metadata: new Map(),
    functions: [],
    graph: {
      name: "linear",
      nodes: [node("MatMul", ["x", "w"], "z"), node(end, ["z"], "y"), node("Neg", ["z"], "other")],
      inputs: [{ name: "x", dtype: "float32", shape: [batch, 2], kind: "tensor" }],
      outputs: [
        { name: "y", dtype: "float32", shape: [batch, columns], kind: "tensor" },
        { name: "other", dtype: "float32", shape: [batch, columns], kind: "tensor" },
      ],
      initializers: new Map([["w", tensorInitializer("w", tensor([2, columns], weights))]]),
    },
  };
}

const options = (kind: Kind) => ({ inputName: "x", inputShape: [2], output: { name: "y", kind, classes: 2 } }) as const;

/** What the model answers at these signed distances from its plane, having gone through a file. */
async function answersAt(model: Model, distances: readonly number[]): Promise<Float32Array> {
  const session = await openSession(await parseModel(encodeModel(model)));
  onTestFinished(() => session.dispose());
  expect(session.inputs.map(({ name }) => name)).toEqual(["x"]);
  expect(session.outputs.map(({ name }) => name)).toEqual(["y"]);
  const x = Float32Array.from(distances.flatMap((distance) => [0.6 * distance, 0.8 * distance]));
  const { y } = await session.run({ x: tensor([distances.length, 2], x) });
  expect(y!.shape[0]).toBe(distances.length);
  return y!.data as Float32Array;
}

const distances = [-0.6, 0.2, 40, 0, -0.1];
const copies = 4000;
/** Six deviations of a share of the copies: the noise has no seed, so a test that is to hold each time leaves room. */
const slack = (p: number) => 6 * Math.sqrt((p * (1 - p)) / copies) + 1e-6;

describe.each<Kind>(["logits", "probabilities", "logit", "probability"])("a model of %s", (kind) => {
  test("gives the shares of the votes of noisy copies, to each sample its own", async () => {
    const found = await answersAt(
      await smoothedModel(linear(kind), { sigma: 0.5, copies, ...options(kind) }),
      distances,
    );
    for (const [row, distance] of distances.entries()) {
      const p = normalCdf(distance / 0.5);
      const share = {
        logits: () => Math.exp(found[2 * row + 1]!),
        probabilities: () => found[2 * row + 1]!,
        logit: () => 1 / (1 + Math.exp(-found[row]!)),
        probability: () => found[row]!,
      }[kind]();
      expect(Math.abs(share - p)).toBeLessThan(slack(p));
    }
  });
});

test("a sigma per feature is that of each", async () => {
  const sigma = Float32Array.of(1, 0.25); // noise of √(3² + 1²) on z, which is five times the distance
  const found = await answersAt(
    await smoothedModel(linear("probability"), { sigma, copies, ...options("probability") }),
    distances,
  );
  for (const [row, distance] of distances.entries()) {
    const p = normalCdf((5 * distance) / Math.sqrt(10));
    expect(Math.abs(found[row]! - p)).toBeLessThan(slack(p));
  }
});

test("a fixed batch is freed, and one copy gives whole votes", async () => {
  const model = await smoothedModel(linear("probabilities", 1), { sigma: 0.5, copies: 1, ...options("probabilities") });
  const found = await answersAt(model, distances);
  expect(found.every((share) => share === 0 || share === 1)).toBe(true);
});

test("the noise is drawn anew in each run", async () => {
  const model = await smoothedModel(linear("probability"), { sigma: 0.5, copies: 101, ...options("probability") });
  const session = await openSession(model);
  onTestFinished(() => session.dispose());
  const x = tensor([64, 2]);
  const [first, second] = [await session.run({ x }), await session.run({ x })];
  expect([...(first.y!.data as Float32Array)]).not.toEqual([...(second.y!.data as Float32Array)]);
});

const withInput = (dtype: "float32" | "int64", more: readonly string[] = []): Model => {
  const model = linear("logits");
  const inputs = ["x", ...more].map((name) => ({ name, dtype, shape: ["batch", 2], kind: "tensor" }) as const);
  return { ...model, graph: { ...model.graph, inputs } };
};

test.each([
  ["a sigma of 0", linear("logits"), { sigma: 0 }, "a sigma above 0, or one per feature, got 0"],
  ["a sigma for other features", linear("logits"), { sigma: Float32Array.of(1) }, "got 1 numbers for 2 features"],
  ["no copies", linear("logits"), { copies: 0 }, "whole copies from 1"],
  ["another input", linear("logits"), { inputName: "z" }, "expected 'z' of numbers as the only input, got 'x'"],
  ["a second input", withInput("float32", ["more"]), {}, "as the only input, got 'x' of float32, 'more' of float32"],
  ["whole numbers", withInput("int64"), {}, "got 'x' of int64"],
  ["labels", linear("logits"), { output: { name: "y", kind: "labels", classes: 2 } as const }, "got tensor of labels"],
  [
    "no such output",
    linear("logits"),
    { output: { name: "q", kind: "logits", classes: 2 } as const },
    "no such output",
  ],
])("%s is refused", async (_, model, wrong, words) => {
  await expect(smoothedModel(model, { sigma: 1, ...options("logits"), ...wrong })).rejects.toThrow(words);
});
