// Serves one bucket by S3's protocol, signatures verified, from a folder until it is killed; prints its port.
import S3rver from "@20minutes/s3rver";

const [directory, port] = process.argv.slice(2);
const server = new S3rver({
  address: "127.0.0.1",
  port: Number(port),
  directory,
  silent: true,
  configureBuckets: [{ name: "casemate" }],
});
console.log((await server.run()).port);
