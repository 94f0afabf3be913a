import type { AnyTensor, Shape } from "@casemate/tensor";
import { sizeOf, strides } from "@casemate/tensor";
import fc from "fast-check";
import { expect, test } from "vitest";
import { gradientAt, modelWith, node } from "./gradient-at.ts";
import { bools, expectClose, int64, numbersOf, uniform } from "./harness.ts";

/** The partial derivatives of an elementwise operator with respect to its float inputs. */
type Partials = (a: number, b: number, condition: boolean) => readonly [da: number, db: number];

const operators: readonly (readonly [op: string, partials: Partials])[] = [
  ["Add", () => [1, 1]],
  ["Sub", () => [1, -1]],
  ["Mul", (a, b) => [b, a]],
  ["Div", (a, b) => [1 / b, -a / b ** 2]],
  ["Max", (a, b) => (a === b ? [0.5, 0.5] : a > b ? [1, 0] : [0, 1])],
  ["Where", (_a, _b, condition) => (condition ? [1, 0] : [0, 1])],
];

/** Shapes that broadcast to one another, and which axes of the result are free. */
const cases = fc
  .array(fc.record({ extent: fc.integer({ min: 1, max: 4 }), isFree: fc.boolean() }), { maxLength: 4 })
  .chain((axes) => {
    const full = axes.map(({ extent }) => extent);
    const operand = fc
      .tuple(fc.integer({ min: 0, max: full.length }), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }))
      .map(([lost, ones]) => full.map((extent, axis) => (ones[axis] ? 1 : extent)).slice(lost));
    return fc.record({
      operands: fc.tuple(operand, operand, operand),
      free: fc.constant(axes.map(({ isFree }) => isFree)),
    });
  });

test.each(operators)("%s gives each operand the sum over what it was broadcast to", async (op, partials) => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ operands: [aShape, bShape, conditionShape], free }) => {
      const used = op === "Where" ? [aShape, bShape, conditionShape] : [aShape, bShape];
      const shape = broadcast(used);
      const a = uniform(aShape, { low: 0.5, high: 2, seed: 1 });
      const b = uniform(bShape, { low: 0.5, high: 2, seed: 2 });
      const condition = bools(
        Array.from({ length: sizeOf(conditionShape) }, (_, index) => ((index * 7) % 3 === 0 ? 1 : 0)),
        conditionShape,
      );
      const weights = uniform(shape, { seed: 3 });
      const feeds: Record<string, AnyTensor> = op === "Where" ? { condition, a, b, weights } : { a, b, weights };
      const model = modelWith(
        [
          node(op, Object.keys(feeds).slice(0, -1), ["z"]),
          node("Mul", ["z", "weights"], ["weighted"]),
          node("Reshape", ["weighted", "row"], ["y"]),
        ],
        feeds,
        { row: int64([1, -1]) },
      );
      const isFree = (axis: number) => free[free.length - shape.length + axis] && shape[axis]! > 1;
      const inputs = model.graph.inputs.map((input) => ({
        ...input,
        shape: input.shape!.map((extent, index) => {
          const axis = index + shape.length - input.shape!.length;
          return extent !== 1 && isFree(axis) ? `axis${axis}` : extent;
        }),
      }));
      const got = await gradientAt({ ...model, graph: { ...model.graph, inputs } }, feeds, ["a", "b"]);
      const expected = [numbersOf(a).fill(0), numbersOf(b).fill(0)] as const;
      for (const [index, weight] of numbersOf(weights).entries()) {
        const [atA, atB, atCondition] = [aShape, bShape, conditionShape].map((each) => placeIn(each, shape, index));
        const at = (tensor: AnyTensor, place: number) => Number(tensor.data[place]);
        const [da, db] = partials(at(a, atA!), at(b, atB!), at(condition, atCondition!) === 1);
        expected[0][atA!]! += weight * da;
        expected[1][atB!]! += weight * db;
      }
      expectClose(got[0]!, expected[0], 1e-5, "gradient of a");
      expectClose(got[1]!, expected[1], 1e-5, "gradient of b");
    }),
    { numRuns: 20, seed: 2 },
  );
  expect.hasAssertions();
});

function broadcast(shapes: readonly Shape[]): number[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) =>
    Math.max(...shapes.map((shape) => shape[axis - rank + shape.length] ?? 1)),
  );
}

/** Where the element of a broadcast result comes from. */
function placeIn(shape: Shape, result: Shape, index: number): number {
  const resultStrides = strides(result);
  const own = strides(shape);
  return result.reduce((place, extent, axis) => {
    const mine = axis - result.length + shape.length;
    const position = Math.floor(index / resultStrides[axis]!) % extent;
    return mine < 0 || shape[mine] === 1 ? place : place + position * own[mine]!;
  }, 0);
}
