// Sets up and runs the benches named, or all of them: gradient-cost, pgd, memory, minimum-norm, peers, decision, autoattack, smoothing, bounds, training, scan, sign, registry.
import { run, setUp } from "../set-up.mjs";

const all = [
  "gradient-cost",
  "pgd",
  "memory",
  "minimum-norm",
  "peers",
  "decision",
  "autoattack",
  "smoothing",
  "bounds",
  "training",
  "scan",
  "sign",
  "mlflow",
  "registry",
];
const named = process.argv.slice(2);
const unknown = named.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`bench: expected ${all.join(", ")}, got ${unknown.join(", ")}`);
  process.exit(2);
}
setUp();
for (const name of named.length > 0 ? named : all) {
  console.log(`\n── ${name}`);
  const code = run(process.execPath, [`bench/dist/${name}.js`]);
  process.exitCode ||= code;
}
