import { openClassifier } from "@casemate/attacks";
import { encodeModel, type Model, openSession, parseModel } from "@casemate/onnx";
import { fillUniform, tensor } from "@casemate/tensor";
import { expect, onTestFinished, test } from "vitest";
import { mlp, voting, votingModel } from "../../src/index.ts";
import { unit } from "../training/blobs.ts";

const classes = 3;
const member = (seed: number) => mlp({ inputShape: [2], classes, hidden: [8], seed });
const options = { inputName: "input", output: { name: "logits", kind: "logits", classes } } as const;
const rows = 200;
const x = tensor([rows, 2], fillUniform(new Float32Array(2 * rows), { seed: 1, stream: 0, sample: 0, step: 0 }));

test("the file counts the votes of its members, as counting them outside does", async () => {
  const models = [1, 2, 3, 4].map(member); // an even number, so that there are ties
  const shares = await answersOf(await votingModel(models, options));
  const members = await Promise.all(models.map((model) => openClassifier(model, unit)));
  onTestFinished(async () => void (await Promise.all(members.map((each) => each.dispose()))));
  const expected = (await voting(members).logits(x)).data;
  expect(new Set(expected).size).toBeGreaterThan(3);
  for (const [i, share] of expected.entries()) expect(Math.exp(shares[i]!)).toBeCloseTo(share, 6);
});

test("what came to it as probabilities stays so", async () => {
  const models = [1, 2, 3].map(member);
  const asProbabilities = { ...options, output: { ...options.output, kind: "probabilities" as const } };
  const logarithms = await answersOf(await votingModel(models, options));
  const shares = await answersOf(await votingModel(models, asProbabilities)); // logits order the classes as well
  for (const [i, share] of shares.entries()) expect(Math.exp(logarithms[i]!)).toBeCloseTo(share, 6);
});

test.each<[string, () => Promise<Model>, string]>([
  ["no members", () => votingModel([], options), "votingModel: expected at least one model, got none"],
  [
    "another input",
    () => votingModel([member(1)], { ...options, inputName: "x" }),
    "expected 'x' as the only input of each model, got 'input'",
  ],
  [
    "labels",
    () => votingModel([member(1)], { ...options, output: { ...options.output, kind: "labels" } }),
    "output 'logits': expected logits or probabilities, got tensor of labels",
  ],
])("%s are refused", async (_, make, message) => {
  await expect(make()).rejects.toThrow(message);
});

async function answersOf(model: Model): Promise<Float32Array> {
  const session = await openSession(parseModel(encodeModel(model)));
  onTestFinished(() => session.dispose());
  const { logits } = await session.run({ input: x });
  return logits!.data as Float32Array;
}
