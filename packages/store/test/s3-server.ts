import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { S3Location } from "../src/index.ts";

/** A server of S3's protocol in a process of its own, on a free port of the loopback. */
export interface S3Server {
  readonly location: S3Location;
  /** As by `kill -9`. */
  kill(): Promise<void>;
  /** Again, on the same port, with what it had. */
  start(): Promise<void>;
  /** Stops it and removes its files. */
  close(): Promise<void>;
}

export async function startS3(): Promise<S3Server> {
  const folder = await mkdtemp(join(tmpdir(), "casemate-s3-"));
  let child: ReturnType<typeof spawn>;

  async function start(port: number): Promise<number> {
    // by default Node refuses DES, of which this server makes the tokens that lead from one page of a list to the next
    const program = ["--openssl-legacy-provider", join(import.meta.dirname, "serve-s3.mjs")];
    child = spawn(process.execPath, [...program, folder, String(port)], { stdio: ["ignore", "pipe", "inherit"] });
    const { value } = await createInterface({ input: child.stdout! })[Symbol.asyncIterator]().next();
    if (value === undefined) throw new Error("the S3 server does not start");
    return Number(value);
  }

  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  const port = await start(0);
  return {
    location: {
      endpoint: `http://127.0.0.1:${port}`,
      bucket: "casemate",
      region: "eu-central-1",
      accessKeyId: "S3RVER", // the one account that this server knows
      secretAccessKey: "S3RVER",
    },
    kill,
    async start() {
      await start(port);
    },
    async close() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
