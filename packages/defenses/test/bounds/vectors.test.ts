import { fileURLToPath } from "node:url";
import { readDataset, readNpz } from "@casemate/data";
import { readModel } from "@casemate/onnx";
import { type Tensor, takeRows, tensor } from "@casemate/tensor";
import { beforeAll, describe, expect, test } from "vitest";
import { type BoundMethod, openVerifier, type Verifier } from "../../src/index.ts";

const folder = new URL("../vectors/", import.meta.url);
const rows = Array.from({ length: 100 }, (_, row) => row);
let x: Tensor;
let labels: Int32Array;
let expected: Awaited<ReturnType<typeof readNpz>>;

beforeAll(async () => {
  const digits = await readDataset(
    fileURLToPath(new URL("../../../../examples/digits/digits-test-500.npz", import.meta.url)),
  );
  const bytes = takeRows(digits.x, rows);
  x = tensor(
    bytes.shape,
    bytes.data.map((pixel) => pixel / 255),
  );
  labels = digits.labels.slice(0, 100);
  expected = await readNpz(fileURLToPath(new URL("bounds-linf-0.02.npz", folder)));
});

async function withVerifier<Result>(
  method: BoundMethod,
  rounding: "nearest" | "outward",
  use: (verifier: Verifier) => Promise<Result>,
): Promise<Result> {
  const model = await readModel(fileURLToPath(new URL("mlp.onnx", folder)));
  const verifier = await openVerifier(model, { method, rounding, bounds: { lower: 0, upper: 1 }, threads: 1 });
  try {
    return await use(verifier);
  } finally {
    await verifier.dispose();
  }
}

const furthest = (got: Tensor, name: string) =>
  got.data.reduce((most, each, i) => Math.max(most, Math.abs(each - Number(expected.get(name)!.data[i]))), 0);

describe.each(["ibp", "crown"] as const)("%s", (method) => {
  test("bounds logits as the vectors say", async () => {
    const { lower, upper } = await withVerifier(method, "nearest", (each) => each.logits(x, { epsilon: 0.02 }));
    expect(furthest(lower, `${method}_lower`)).toBeLessThan(1e-4);
    expect(furthest(upper, `${method}_upper`)).toBeLessThan(1e-4);
  });
});

test("CROWN bounds margins as the vectors say", async () => {
  const margins = await withVerifier("crown", "nearest", (each) => each.margins(x, labels, { epsilon: 0.02 }));
  expect(furthest(margins, "crown_margin_lower")).toBeLessThan(1e-4);
});

test.each(["ibp", "deepz", "crown", "alpha-crown"] as const)(
  "%s rounded outward is a little below itself",
  async (method) => {
    const few = takeRows(x, rows.slice(0, 8));
    const near = await withVerifier(method, "nearest", (each) =>
      each.margins(few, labels.subarray(0, 8), { epsilon: 0.02 }),
    );
    const out = await withVerifier(method, "outward", (each) =>
      each.margins(few, labels.subarray(0, 8), { epsilon: 0.02 }),
    );
    const gaps = near.data.map((margin, i) => margin - out.data[i]!);
    expect(Math.min(...gaps)).toBeGreaterThan(method === "alpha-crown" ? -1e-3 : 0); // its climb differs a little
    expect(Math.max(...gaps)).toBeLessThan(0.15);
  },
);

test("tighter methods give larger margins", async () => {
  const few = takeRows(x, rows.slice(0, 8));
  const of = (method: BoundMethod) =>
    withVerifier(method, "nearest", (each) => each.margins(few, labels.subarray(0, 8), { epsilon: 0.06 }));
  const mean = ({ data }: Tensor) => data.reduce((sum, each) => sum + each, 0) / data.length;
  const [ibp, deepz, crown, alpha] = [await of("ibp"), await of("deepz"), await of("crown"), await of("alpha-crown")];
  expect(mean(deepz)).toBeGreaterThan(mean(ibp));
  expect(mean(crown)).toBeGreaterThan(mean(ibp));
  expect(mean(alpha)).toBeGreaterThan(mean(crown));
  expect(alpha.data.every((margin, i) => margin >= crown.data[i]! - 1e-6)).toBe(true);
});
