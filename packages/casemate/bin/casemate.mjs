#!/usr/bin/env node
import { main } from "../dist/main.js";

for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(3); // nobody reads any more, as after `| head`
  });
}
process.exitCode = await main(process.argv.slice(2), process);
