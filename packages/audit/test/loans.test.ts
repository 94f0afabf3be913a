import { fileURLToPath } from "node:url";
import { type Attack, pgd, run, square, treeExact } from "@casemate/attacks";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { brokenRule, featureRules } from "../src/feature-rules.ts";
import { type OpenSubject, openSubjects } from "../src/subject.ts";

const folder = fileURLToPath(new URL("../../../examples/loans/", import.meta.url));
let forest: OpenSubject;
let network: OpenSubject;
beforeAll(async () => {
  const specs = ["loans-forest", "loans-mlp"].map((name) => ({
    model: `${folder}${name}.onnx`,
    data: `${folder}test.csv`,
  }));
  const subjects = await openSubjects(specs, { samples: 60 });
  [forest, network] = [subjects[0]!, subjects[1]!];
});
afterAll(() => Promise.all([forest.dispose(), network.dispose()]));

async function attacked(subject: OpenSubject, attack: Attack) {
  const labels = subject.samples.map((position) => subject.labels[position]!);
  const model = attack.access === "gradient" ? await subject.gradientClassifier() : await subject.classifier();
  const threat = subject.threat("linf", [0.1]);
  return (await run(model, subject.inputs(subject.samples), labels, threat, { attack, seed: 2 })).samples;
}

describe("loans", () => {
  test.each([
    ["PGD on the network", () => attacked(network, pgd({ steps: 10, stepSize: 0.25 })), () => network],
    ["Square on the forest", () => attacked(forest, square({ queries: 100 })), () => forest],
    ["exact evasion of the forest", () => attacked(forest, treeExact()), () => forest],
  ])("%s finds applicants that can exist", async (_, attack, subject) => {
    const { contract, toContractUnits, inputs } = subject();
    const { features } = contract.inputs[0]!;
    const rules = featureRules(contract.inputs[0]!)!;
    const broken = (await attack()).filter(({ status }) => status === "broken");
    expect(broken.length).toBeGreaterThan(3);
    for (const { sample, adversarial } of broken) {
      const row = toContractUnits(adversarial!);
      const before = toContractUnits(inputs([subject().samples[sample]!]).data);
      expect(brokenRule(rules, row)).toBeUndefined();
      for (const [j, { name, mutable, direction, range, cost = 1 }] of features!.entries()) {
        if (mutable === false) expect(row[j], name).toBe(before[j]);
        if (direction === "up") expect(row[j], name).toBeGreaterThanOrEqual(before[j]!);
        const width = range ? range.upper - range.lower : 1;
        expect((cost * Math.abs(row[j]! - before[j]!)) / width, name).toBeLessThanOrEqual(0.1 + 1e-5);
      }
    }
  });

  test("what is proven robust, no other attack breaks", async () => {
    const exact = await attacked(forest, treeExact());
    const searched = await attacked(forest, square({ queries: 300 }));
    expect(exact.filter(({ status }) => status === "failed")).toEqual([]);
    for (const [row, { status }] of exact.entries()) {
      if (status === "robust") expect(searched[row]!.status).toBe("robust");
    }
    expect(exact.some(({ status }) => status === "robust")).toBe(true);
  });
});
