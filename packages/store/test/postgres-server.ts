import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import pg from "pg";

/** A real PostgreSQL server of our own, on a free port of the loopback. */
export interface PostgresServer {
  /** A new, empty database. */
  createDatabase(): Promise<string>;
  /** As by `kill -9`: clients find their connections gone. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Stops it and removes its files. */
  close(): Promise<void>;
}

/** Starts a server in a temporary folder; as root, it runs as somebody with fewer rights, since it refuses root. */
export async function startPostgres(): Promise<PostgresServer> {
  const owner = unprivileged();
  const folder = mkdtempSync(join(tmpdir(), "casemate-postgres-"));
  if (owner !== undefined) chownSync(folder, owner.uid, owner.gid);
  const data = join(folder, "data");
  const as = { ...owner, cwd: folder, env: { PATH: process.env.PATH, LC_ALL: "C" } };
  execFileSync(
    program("initdb"),
    ["-D", data, "-U", "casemate", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"],
    { ...as, stdio: "pipe" },
  );
  const port = await freePort();
  const url = (database: string) => `postgres://casemate@127.0.0.1:${port}/${database}`;
  let server: ReturnType<typeof spawn>;
  let databases = 0;

  async function start(): Promise<void> {
    const settings = [
      "-c",
      "listen_addresses=127.0.0.1",
      "-c",
      `unix_socket_directories=${folder}`,
      "-c",
      "max_connections=200",
    ];
    server = spawn(program("postgres"), ["-D", data, "-p", String(port), ...settings], {
      ...as,
      stdio: ["ignore", "ignore", "pipe"],
    });
    let log = "";
    server.stderr!.on("data", (chunk) => {
      log = (log + chunk).slice(-10_000);
    });
    for (let attempt = 0; ; attempt++) {
      const client = new pg.Client({ connectionString: url("postgres") });
      client.on("error", () => undefined);
      try {
        await client.connect();
        await client.end();
        return;
      } catch (error) {
        await client.end().catch(() => undefined);
        if (server.exitCode !== null || attempt === 200)
          throw new Error(`PostgreSQL does not start: ${log}`, { cause: error });
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async function stop(signal: NodeJS.Signals): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return;
    server.kill(signal);
    await once(server, "exit");
  }

  await start();
  return {
    async createDatabase() {
      const name = `test_${databases++}`;
      const client = new pg.Client({ connectionString: url("postgres") });
      await client.connect();
      await client.query(`create database ${name}`);
      await client.end();
      return url(name);
    },
    kill: () => stop("SIGKILL"),
    start,
    async close() {
      await stop("SIGINT"); // fast shutdown
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The newest server program on this machine: on the PATH, or where Debian keeps it. */
function program(name: string): string {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(debian, version, "bin")),
    ...(process.env.PATH ?? "").split(delimiter),
  ];
  const found = folders.map((folder) => join(folder, name)).find(existsSync);
  if (found === undefined) throw new Error(`no ${name}: \`node test.mjs\` installs PostgreSQL, or says how`);
  return found;
}

function unprivileged(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  const account = accounts.find(([name]) => name === "postgres") ?? accounts.find(([name]) => name === "nobody");
  if (account === undefined)
    throw new Error("PostgreSQL refuses to run as root, and there is neither postgres nor nobody");
  return { uid: Number(account[2]), gid: Number(account[3]) };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, "close");
  return port;
}
