import { checkRules, uniform } from "./harness.ts";

checkRules(
  ["Softmax", "LogSoftmax"].flatMap((op) => [
    { op, inputs: [uniform([5])] },
    { op, inputs: [uniform([4, 3])], free: [[0]] },
    { op, inputs: [uniform([4, 3, 5])], attributes: { axis: 1 }, free: [[0, 2]] },
    { op, inputs: [uniform([4, 3])], attributes: { axis: 0 } },
    { op, inputs: [uniform([4, 3, 5])], attributes: { axis: -2 }, free: [[0]] },
    { op, inputs: [uniform([4, 3], { low: -8, high: 8 })], free: [[0]], name: "large" },
  ]),
);
