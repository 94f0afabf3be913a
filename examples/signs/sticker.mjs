// Sets up, then makes stickers that turn STOP into a speed limit: prints how often they do, and writes sticker.png here.
import { run, setUp } from "../../set-up.mjs";

setUp();
process.exitCode = run(process.execPath, ["examples/signs/dist/attack-stop.js"]);
