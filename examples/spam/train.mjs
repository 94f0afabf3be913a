// Sets up, writes messages as tokens, trains a text convolution, and audits the part of it behind the embedding.
import { runAll } from "../../set-up.mjs";

runAll(
  "examples/spam/dist/make-sets.js out/spam",
  `packages/casemate/bin/casemate.mjs train --architecture text-cnn --data out/spam/spam-train.npz
     --validation out/spam/spam-validation.npz --epochs 4 --out out/spam/spam.onnx`,
  "examples/spam/dist/test-model.js out/spam",
  `packages/casemate/bin/casemate.mjs audit out/spam/spam-embedded.onnx --data out/spam/spam-embedded-test.npz
     --samples 100 --norm l2 --epsilon 1 --profile quick --out out/spam/report`,
);
