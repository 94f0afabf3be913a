// Sets up, then writes the digits to train on and those to validate with into out/digits.
import { run, setUp } from "../../set-up.mjs";

setUp();
process.exitCode = run(process.execPath, ["examples/digits/dist/make-sets.js", "out/digits"]);
