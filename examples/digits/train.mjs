// Sets up, writes the digits to train on, and trains a network from random weights; audits it as a user would.
import { runAll } from "../../set-up.mjs";

runAll(
  "examples/digits/dist/make-sets.js out/digits",
  `packages/casemate/bin/casemate.mjs train --architecture cnn --data out/digits/digits-train-8000.npz
     --validation out/digits/digits-validation-1500.npz --shift 2 --out out/digits/digits-cnn.onnx`,
  `packages/casemate/bin/casemate.mjs audit out/digits/digits-cnn.onnx --data examples/digits/digits-test-500.npz
     --samples 100 --epsilon 0.1 --profile quick --out out/digits/report`,
);
