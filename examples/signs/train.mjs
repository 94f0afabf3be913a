// Sets up, then trains the classifier of traffic signs anew: writes signs.onnx, signs-test.npz and signs.png here.
import { run, setUp } from "../../set-up.mjs";

setUp();
process.exitCode = run(process.execPath, ["examples/signs/dist/make.js"]);
