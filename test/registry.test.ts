import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const bin = join(root, "packages/casemate/bin/casemate.mjs");

/** The first block of shell commands below a heading. */
function blockBelow(heading: string): string {
  const text = readFileSync(join(root, "README.md"), "utf8");
  return /^```bash\n(.*?)^```/ms.exec(text.slice(text.indexOf(heading)))![1]!;
}

test("the ten lines of the README sign, register, measure, gate, approve, promote and verify a model", {
  timeout: 300_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "casemate-readme-"));
  cpSync(join(root, "examples/digits/mnist-robust.onnx"), join(folder, "model.onnx"));
  cpSync(join(root, "examples/digits/mnist-robust.contract.json"), join(folder, "model.contract.json"));
  cpSync(join(root, "examples/digits/digits-test-500.npz"), join(folder, "digits.npz"));
  const server = spawn(process.execPath, [bin, "serve", "--folder", "registry", "--port", "0"], {
    cwd: folder,
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
    const [, password] = /one-time password (\S+)$/.exec((await lines.next()).value)!;
    const [, url] = /Registry at (\S+)$/.exec((await lines.next()).value)!;
    const env = {
      ...process.env,
      CASEMATE_REGISTRY: url,
      CASEMATE_PASSWORD: password,
      CASEMATE_NEW_PASSWORD: "correct horse battery staple",
    };
    const casemate = (env: NodeJS.ProcessEnv, ...args: string[]) =>
      execFileSync(process.execPath, [bin, ...args], { cwd: folder, env, encoding: "utf8" }).trim();
    const token = casemate(env, "login", "--name", "admin");
    const admin = { ...env, CASEMATE_TOKEN: token };
    const user = (...args: string[]) => casemate(admin, "user", "add", ...args);
    const script = blockBelow("## A version nobody can swap");
    expect(script.trim().split("\n")).toHaveLength(10);
    const output = execFileSync("bash", ["-euc", `casemate() { "$NODE" "$BIN" "$@"; }\n${script}`], {
      cwd: folder,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...admin,
        NODE: process.execPath,
        BIN: bin,
        ADA: user("ada", "--role", "contributor"),
        BOB: user("bob", "--role", "reviewer"),
        EVE: user("eve", "--role", "reviewer", "releaser"),
        SERVICE: user("serving", "--service", "--role", "service", "--environment", "production"),
      },
    });
    expect(output).toContain("digits/1 is ready: the scan says clean");
    expect(output).toContain("production: passes");
    expect(output).toMatch(/approved: digits\/1 to production, 2 of 2 approvals/);
    expect(output).toContain("digits/1 of production in served");
    expect(output).toContain("verified");
    expect(readFileSync(join(folder, "served/model.onnx"))).toEqual(readFileSync(join(folder, "model.onnx")));
  } finally {
    server.kill("SIGTERM");
    await once(server, "exit");
    rmSync(folder, { recursive: true, force: true });
  }
});
