import { type Model, parseModel } from "@casemate/onnx";
import { expect, test } from "vitest";
import { diffModels } from "../src/diff/diff-models.ts";
import { writeMessage } from "./corpus/protobuf-writer.ts";

function model({ weights = [1, 2, 2], operator = "Relu", extra = false } = {}): Model {
  const raw = new Uint8Array(Float32Array.from(weights).buffer);
  const value = (name: string) =>
    [
      [1, name],
      [
        2,
        [
          [
            1,
            [
              [1, 1],
              [2, [[1, [[1, weights.length]]]]],
            ],
          ],
        ],
      ],
    ] as const;
  return parseModel(
    writeMessage([
      [1, 8],
      [
        8,
        [
          [1, ""],
          [2, 18],
        ],
      ],
      [
        7,
        [
          [2, "g"],
          [
            1,
            [
              [1, "x"],
              [1, "w"],
              [2, "s"],
              [4, "Add"],
            ],
          ],
          [
            1,
            [
              [1, "s"],
              [2, "y"],
              [4, operator],
            ],
          ],
          ...(extra
            ? ([
                [
                  1,
                  [
                    [1, "y"],
                    [2, "z"],
                    [4, "Abs"],
                  ],
                ],
              ] as const)
            : []),
          [
            5,
            [
              [1, weights.length],
              [2, 1],
              [8, "w"],
              [9, raw],
            ],
          ],
          [11, value("x")],
          [12, value("y")],
        ],
      ],
    ]),
  );
}

test("a model is the same as itself", () => {
  expect(diffModels(model(), model())).toEqual({
    tensors: [],
    nodes: [],
    interface: [],
    unchangedTensors: 1,
    unchangedNodes: 2,
  });
});

test("a changed tensor has its largest and its relative change", () => {
  // (1, 2, 2) to (1, 2, 5): 3 at most, and 3 over a length of 3
  expect(diffModels(model(), model({ weights: [1, 2, 5] })).tensors).toEqual([
    { name: "w", change: "changed", dtype: "float32", shape: [3], largest: 3, elements: 1, relative: 1 },
  ]);
});

test("another shape, another operator and a new node are told", () => {
  const {
    tensors,
    nodes,
    interface: outside,
  } = diffModels(model(), model({ weights: [1, 2], operator: "Abs", extra: true }));
  expect(tensors).toMatchObject([{ change: "reshaped", shape: [2], shapeBefore: [3] }]);
  expect(nodes).toEqual([
    { node: "Abs 'y'", change: "changed", what: ["operator Relu became Abs"] },
    { node: "Abs 'z'", change: "added", what: [] },
  ]);
  expect(outside).toEqual([
    'input \'x\': "float32 [3]" became "float32 [2]"',
    'output \'y\': "float32 [3]" became "float32 [2]"',
  ]);
});
