// Sets up, makes up applicants, trains a network against what an applicant can change, and audits it on others.
import { runAll } from "../../set-up.mjs";

runAll(
  "examples/loans/dist/make-sets.js out/loans",
  `packages/casemate/bin/casemate.mjs train --architecture mlp --contract examples/loans/loans-mlp.contract.json
     --data out/loans/loans-train.csv --validation out/loans/loans-validation.csv
     --method tabular --epsilon 0.1 --epochs 15 --out out/loans/loans-network.onnx`,
  `packages/casemate/bin/casemate.mjs audit out/loans/loans-network.onnx --data out/loans/loans-test.csv
     --epsilon 0.1 --profile quick --out out/loans/report`,
);
