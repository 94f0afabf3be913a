// Sets up, then makes a sticker that turns STOP into a speed limit: prints how often it does, and writes sticker.png here.
import { run, setUp } from "../../set-up.mjs";

setUp();
process.exitCode = run(process.execPath, ["examples/signs/dist/attack-stop.js"]);
