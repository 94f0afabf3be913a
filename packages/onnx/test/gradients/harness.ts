import type { AnyTensor, Shape } from "@casemate/tensor";
import { expect, test } from "vitest";
import { differentiate } from "../../src/differentiate.ts";
import type { Model } from "../../src/model.ts";
import { openSession, type Session } from "../../src/session.ts";
import { feedsOf, lossOf, modelOf, nameOf, plain, type RuleCheck, titleOf, wrtOf } from "./rule-check.ts";
import { numbersOf } from "./tensors.ts";

export type { RuleCheck } from "./rule-check.ts";
export { bools, floats, int64, numbersOf, uniform } from "./tensors.ts";

/** A test for each check. */
export function checkRules(checks: readonly RuleCheck[]): void {
  for (const check of checks) {
    test(titleOf(check), () => checkRule(check));
  }
}

/**
 * Compares the rule with central differences: of the operator in float64 in the runtime (1e-6 of the largest entry), or of
 * `reference` (1e-4), whose values must be the runtime's. The float32 graph is compared to 1e-4, with the free axes free.
 */
export async function checkRule(check: RuleCheck): Promise<void> {
  const { reference, free } = check;
  const [oldest, newest] = typeof check.opset === "number" ? [check.opset, check.opset] : (check.opset ?? [18, 26]);
  if (reference) {
    await compareForward(check, reference, oldest);
  }
  const expected = await (reference ? differencesOf(check, reference) : differencesInFloat64(check, oldest));
  const first = reference
    ? ({ dtype: "float32", tolerance: 1e-4 } as const)
    : ({ dtype: "float64", tolerance: 1e-6 } as const);
  const runs = [
    { ...first, opset: oldest, free: undefined },
    { dtype: "float32", tolerance: 1e-4, opset: newest, free },
  ] as const;
  for (const { dtype, tolerance, opset, free } of runs) {
    const model = modelOf(check, dtype, opset, free);
    const { gradients } = await lossAndGradients(check, model, dtype);
    for (const [index, input] of wrtOf(check).entries()) {
      const label = `${dtype}, opset ${opset}${free ? ", free axes" : ""}: gradient of input ${input}`;
      expectClose(gradients[index]!, expected[index]!, tolerance, label);
    }
  }
}

/** For an operator that is linear in its input `wrt[0]` (the first if absent): <A x, y> = <x, A* y>. */
export async function checkLinear(check: RuleCheck): Promise<void> {
  const opset = typeof check.opset === "number" ? check.opset : (check.opset?.[0] ?? 18);
  const model = modelOf(check, "float32", opset, check.free);
  const { loss, gradients } = await lossAndGradients(check, model, "float32");
  const terms = numbersOf(check.inputs[wrtOf(check)[0]!]!).map((x, index) => x * gradients[0]![index]!);
  const scale = terms.reduce((sum, term) => sum + Math.abs(term), 0);
  expect(scale).toBeGreaterThan(0);
  expect(Math.abs(loss - terms.reduce((sum, term) => sum + term, 0)) / scale).toBeLessThan(1e-5);
}

/** Largest absolute difference within `tolerance` of the largest expected entry, or of 1 where all are zero but for rounding. */
export function expectClose(
  actual: readonly number[],
  expected: readonly number[],
  tolerance: number,
  label: string,
): void {
  expect(actual.length, `${label}: size`).toBe(expected.length);
  const greatest = expected.reduce((max, each) => Math.max(max, Math.abs(each)), 0);
  const scale = greatest < 1e-12 ? 1 : greatest;
  const worst = expected.reduce((max, each, index) => {
    const difference = Math.abs(each - actual[index]!);
    return difference <= max ? max : difference; // NaN wins
  }, 0);
  const shown = `got ${actual.slice(0, 8)} …, expected ${expected.slice(0, 8)} …`;
  expect(worst / scale, `${label}: ${shown}`).toBeLessThanOrEqual(tolerance);
}

async function lossAndGradients(
  check: RuleCheck,
  model: Model,
  dtype: "float32" | "float64",
): Promise<{ loss: number; gradients: number[][] }> {
  const wrt = wrtOf(check).map(nameOf);
  const derived = await differentiate(model, { wrt, loss: (graph, logits) => graph.ReduceSum(logits, [1], 0) });
  return using(derived, async (session) => {
    const results = await session.run(feedsOf(check, dtype));
    for (const name of wrt) {
      expect(results[`gradient/${name}`]!.shape, `shape of gradient/${name}`).toEqual(
        check.inputs[Number(name.slice(1))]!.shape,
      );
      expect(results[`gradient/${name}`]!.dtype).toBe(dtype);
    }
    const gradients = wrt.map((name) => numbersOf(results[`gradient/${name}`]!));
    return { loss: numbersOf(results.loss!)[0]!, gradients };
  });
}

async function using<Result>(model: Model, use: (session: Session) => Promise<Result>): Promise<Result> {
  const session = await openSession(model, { threads: 1 });
  try {
    return await use(session);
  } finally {
    await session.dispose();
  }
}

function differencesInFloat64(check: RuleCheck, opset: number): Promise<number[][]> {
  return using(modelOf(check, "float64", opset, undefined), async (session) => {
    const feeds = feedsOf(check, "float64");
    const gradients: number[][] = [];
    for (const input of wrtOf(check)) {
      const tensor = feeds[nameOf(input)]! as { shape: Shape; data: Float64Array };
      gradients.push(
        await centralDifferences(Array.from(tensor.data), check.step, async (moved) => {
          const point: AnyTensor = { dtype: "float64", shape: tensor.shape, data: Float64Array.from(moved) };
          const { logits } = await session.run({ ...feeds, [nameOf(input)]: point }, ["logits"]);
          return numbersOf(logits!)[0]!;
        }),
      );
    }
    return gradients;
  });
}

async function differencesOf(check: RuleCheck, reference: NonNullable<RuleCheck["reference"]>): Promise<number[][]> {
  const { inputs, shapes } = plain(check);
  const gradients: number[][] = [];
  for (const input of wrtOf(check)) {
    gradients.push(
      await centralDifferences(inputs[input]!, check.step, async (moved) =>
        lossOf(reference(inputs.with(input, moved), shapes)),
      ),
    );
  }
  return gradients;
}

async function centralDifferences(
  at: readonly number[],
  step = 1e-5,
  evaluate: (moved: number[]) => Promise<number>,
): Promise<number[]> {
  const gradient: number[] = [];
  for (const [index, x] of at.entries()) {
    const up = await evaluate(at.with(index, x + step));
    const down = await evaluate(at.with(index, x - step));
    gradient.push((up - down) / (2 * step));
  }
  return gradient;
}

async function compareForward(
  check: RuleCheck,
  reference: NonNullable<RuleCheck["reference"]>,
  opset: number,
): Promise<void> {
  const { inputs, shapes } = plain(check);
  await using(modelOf(check, "float32", opset, undefined), async (session) => {
    const { flat } = await session.run(feedsOf(check, "float32"), ["flat"]);
    expectClose(numbersOf(flat!), reference(inputs, shapes), 1e-5, "reference of the forward operator");
  });
}
