// Serves a registry over a folder until it is killed; prints its address.
import { createServer, openRegistry } from "@casemate/registry";

const [folder] = process.argv.slice(2);
const failed = (error) => console.error(error);
const registry = await openRegistry({ folder, failed });
const server = await createServer(registry, { version: "0.1.0", failed });
console.log(await server.app.listen({ host: "127.0.0.1", port: 0 }));
