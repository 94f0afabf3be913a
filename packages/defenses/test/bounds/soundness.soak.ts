import {
  type Attack,
  apgdCe,
  apgdDlr,
  ddn,
  fmn,
  type GradientClassifier,
  l1,
  l2,
  linf,
  openClassifier,
  pgd,
  run,
  square,
} from "@casemate/attacks";
import { readNpz } from "@casemate/data";
import { type Model, readModel } from "@casemate/onnx";
import { type Tensor, takeRows, tensor } from "@casemate/tensor";
import { afterAll, expect, test } from "vitest";
import { type BoundMethod, openVerifier, type Verifier } from "../../src/index.ts";
import { networks, pointsOf } from "./networks.ts";

const bounds = { lower: 0, upper: 1 };
const methods: readonly BoundMethod[] = ["ibp", "deepz", "crown", "alpha-crown"];
const norms = { linf, l2, l1 } as const;
type Norm = keyof typeof norms;
const MARGIN = 1e-5;
const OCTAVES = 5;

const attacks: readonly Attack[] = [
  pgd({ steps: 20 }),
  pgd({ steps: 20, restarts: 3 }),
  apgdCe({ steps: 20 }),
  apgdDlr({ steps: 20 }),
  square({ queries: 100 }),
  ddn({ steps: 50 }),
  fmn({ steps: 50 }),
];
/** Starts of each attack, as they are counted. */
const STARTS = [1, 3, 1, 1, 1, 1, 1];

interface Grid {
  readonly smallest: number;
  readonly levels: number;
}

let tries = 0;
afterAll(() => console.log(`${tries} attack tries on certified samples`));

/** Attacks every sample at 0.999 of the largest radius, of `levels` between `smallest` and 32 times that, at which it is certified. */
async function attackCertified(
  model: Model,
  x: Tensor,
  norm: Norm,
  method: BoundMethod,
  { smallest, levels }: Grid,
): Promise<number> {
  const classifier = await openClassifier(model, { bounds });
  const verifier = await openVerifier(model, { method, norm, bounds, threads: 1 });
  try {
    const labels = await predictions(classifier, x);
    const radii = await certifiedRadii(verifier, x, labels, { smallest, levels });
    let broken = 0;
    for (const radius of new Set(radii.filter((each) => each > 0))) {
      const rows = radii.flatMap((each, row) => (each === radius ? [row] : []));
      const threat = norms[norm](0.999 * radius);
      const samples = takeRows(x, rows);
      for (const [index, attack] of attacks.entries()) {
        if (!attack.norms.includes(norm) || attack.obstacle?.(classifier, threat)) continue;
        const outcome = await run(
          classifier,
          samples,
          rows.map((row) => labels[row]!),
          threat,
          { attack },
        );
        broken += outcome.samples.filter(({ status }) => status === "broken").length;
        tries += rows.length * STARTS[index]!;
      }
    }
    return broken;
  } finally {
    await verifier.dispose();
    await classifier.dispose();
  }
}

async function predictions(classifier: GradientClassifier, x: Tensor): Promise<readonly number[]> {
  const { data, shape } = await classifier.logits(x);
  const classes = shape[1]!;
  return Array.from({ length: shape[0]! }, (_, row) => {
    const scores = data.subarray(row * classes, (row + 1) * classes);
    return scores.indexOf(Math.max(...scores));
  });
}

async function certifiedRadii(
  verifier: Verifier,
  x: Tensor,
  labels: readonly number[],
  { smallest, levels }: Grid,
): Promise<readonly number[]> {
  const radii = new Array<number>(labels.length).fill(0);
  for (let level = 0; level < levels; level++) {
    const epsilon = smallest * 2 ** ((OCTAVES * level) / (levels - 1));
    const { data, shape } = await verifier.margins(x, labels, { epsilon });
    for (const row of labels.keys()) {
      const least = Math.min(...data.subarray(row * shape[1]!, (row + 1) * shape[1]!));
      if (least > MARGIN) radii[row] = epsilon;
    }
  }
  return radii;
}

for (const norm of ["linf", "l2", "l1"] as const) {
  test.each(networks)(`nothing breaks what is certified of "$name" in ${norm}`, async ({ model, shape }) => {
    for (const method of methods) {
      const grid = { smallest: norm === "linf" ? 0.01 : 0.02, levels: 31 };
      expect(await attackCertified(model, pointsOf(shape, 24, 11), norm, method, grid), method).toBe(0);
    }
  });
}

test.each(["mnist-standard", "mnist-robust"])("nothing breaks what is certified of 100 digits of %s", async (name) => {
  const digits = new URL("../../../../examples/digits/", import.meta.url);
  const model = await readModel(new URL(`${name}.onnx`, digits).pathname);
  const x = (await readNpz(new URL("digits-test-500.npz", digits).pathname)).get("x");
  const values = Float32Array.from(x!.data as Uint8Array, (each) => each / 255);
  const samples = tensor([100, 1, 28, 28], values.slice(0, 100 * 784));
  for (const method of methods) {
    const grid = { smallest: name === "mnist-robust" ? 0.004 : 0.001, levels: 8 };
    expect(await attackCertified(model, samples, "linf", method, grid), method).toBe(0);
  }
});

test("at least 10,000 tries were made", () => {
  expect(tries).toBeGreaterThanOrEqual(10_000);
});
