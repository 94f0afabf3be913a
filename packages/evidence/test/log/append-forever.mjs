// Appends batches to a log until it is killed, and prints the size after each one that was acknowledged.
import { signerFromFile } from "../../dist/keys/private-key.js"; // not the whole package: it is started twenty times
import { openLog } from "../../dist/log/open-log.js";

const [folder, keyFile] = process.argv.slice(2);
const log = await openLog(folder, { origin: "example.com/log", signer: await signerFromFile(keyFile) });
for (;;) {
  const count = 1 + (log.size % 97);
  await log.append(Array.from({ length: count }, (_, index) => Buffer.from(`entry ${log.size + index}`)));
  console.log(log.size);
}
