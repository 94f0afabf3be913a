// Sets up, then audits the three bundled digit classifiers side by side. Uses Node's built-ins only.
import { run, setUp } from "./set-up.mjs";

setUp();
const models = ["standard", "masked", "robust"].map((name) => `examples/digits/mnist-${name}.onnx`);
process.exitCode = run(process.execPath, [
  "packages/casemate/bin/casemate.mjs",
  "audit",
  ...models,
  "--data",
  "examples/digits/digits-test-500.npz",
  "--epsilon",
  "0.3",
  "--samples",
  "200",
  "--out",
  "out/demo",
  ...process.argv.slice(2),
]);
