// Makes a fresh clone ready: packages, then the build. Uses Node's built-ins only, since it runs before anything is installed.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(fileURLToPath(import.meta.url));

/** Runs `npm ci` if packages are missing or older than the lock, then builds. Ends the process with the code of a step that fails. */
export function setUp() {
  requireNode(20, 19);
  if (!isInstalled()) {
    step("Installing packages", "npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
  }
  step("Building", process.execPath, [tool("typescript", "bin/tsc"), "-b"]);
}

/** Runs a command in the project's root, with its output shown; returns its exit code. */
export function run(command, args, env = {}) {
  const isNpm = command === "npm" && process.platform === "win32"; // npm is a .cmd there, which needs a shell
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: "inherit",
    shell: isNpm,
    env: { ...process.env, ...env },
  });
  if (result.error) {
    console.error(`${command}: ${result.error.message}`);
    return 1;
  }
  return result.status ?? 1;
}

/** Makes sure that there is a PostgreSQL server to test against: installs it on Debian and Ubuntu as root, and says how elsewhere. */
export function requirePostgres() {
  const debian = "/usr/lib/postgresql";
  const folders = existsSync(debian) ? readdirSync(debian).map((version) => join(debian, version, "bin")) : [];
  const isThere = () =>
    [...folders, ...process.env.PATH.split(delimiter)].some((folder) => existsSync(join(folder, "initdb")));
  if (isThere()) return;
  const isRoot = process.getuid?.() === 0;
  if (isRoot && existsSync("/usr/bin/apt-get")) {
    step("Looking for packages of the system", "apt-get", ["update", "-qq"]);
    step("Installing PostgreSQL", "apt-get", ["install", "-y", "-qq", "--no-install-recommends", "postgresql"], {
      DEBIAN_FRONTEND: "noninteractive",
    });
    return;
  }
  const how = process.platform === "darwin" ? "brew install postgresql" : "sudo apt-get install postgresql";
  console.error(`The tests need a PostgreSQL server to start: ${how}`);
  process.exit(2);
}

/** Sets up, then runs programs of Node one after the other, each a line of words; ends the process with the code of one that fails. */
export function runAll(...lines) {
  setUp();
  for (const line of lines) {
    const code = run(process.execPath, line.trim().split(/\s+/));
    if (code !== 0) process.exit(code);
  }
}

/** The path of a program inside an installed package. */
export function tool(name, path) {
  return join(root, "node_modules", name, path);
}

function step(title, command, args, env = {}) {
  console.error(`${title} …`);
  const code = run(command, args, env);
  if (code !== 0) {
    process.exit(code);
  }
}

function isInstalled() {
  const installed = join(root, "node_modules", ".package-lock.json"); // npm writes it last
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(root, "package-lock.json")).mtimeMs;
}

function requireNode(major, minor) {
  const [haveMajor, haveMinor] = process.versions.node.split(".").map(Number);
  if (haveMajor < major || (haveMajor === major && haveMinor < minor)) {
    console.error(`Casemate needs Node.js ${major}.${minor} or newer; this is ${process.versions.node}.`);
    process.exit(2);
  }
}
