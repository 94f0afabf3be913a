import { createHash } from "node:crypto";
import {
  attestationOf,
  bundleOf,
  parametersWithDigest,
  type Signer,
  signStatement,
  statementOf,
  subjectOf,
} from "@casemate/evidence";
import { expect } from "vitest";
import { ask, sha256Of, type TestServer } from "./open-server.ts";

/** Contents by path; `model.onnx` is the model. */
export type Files = Readonly<Record<"model.onnx", Buffer> & Record<string, Buffer>>;

/** Registers a version over HTTP and waits until it is scanned. */
export async function uploadVersion(
  { url, server }: TestServer,
  token: string,
  model: string,
  files: Files,
): Promise<{ readonly version: number; readonly rootDigest: string }> {
  const path = `/api/v1/models/${model}`;
  for (const content of Object.values(files)) {
    const { status } = await ask(url, token, "PUT", `${path}/blobs/${sha256Of(content)}`, content);
    expect(status).toBe(200);
  }
  const manifest = Object.entries(files).map(([path, content]) => ({
    path,
    sha256: sha256Of(content),
    size: content.length,
  }));
  const { status, body } = await ask(url, token, "POST", `${path}/versions`, { files: manifest });
  expect({ status, state: body.state }).toEqual({ status: 201, state: "pending" });
  await server.admissions.settled();
  return body;
}

/** A signature over the files, as OpenSSF Model Signing has it. */
export async function signatureOf(files: Files, signer: Signer): Promise<unknown> {
  const resources = Object.entries(files)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, content]) => ({ name, digest: sha256Of(content), algorithm: "sha256" }));
  const root = createHash("sha256")
    .update(Buffer.concat(resources.map(({ digest }) => Buffer.from(digest, "hex"))))
    .digest("hex");
  const predicate = { resources, serialization: { method: "files", hash_type: "sha256", allow_symlinks: false } };
  return await signed(
    statementOf([{ name: "model", digest: { sha256: root } }], "https://model_signing/signature/v1.0", predicate),
    signer,
  );
}

/** What a robustness attestation says, where it is not what is good enough. */
export interface Measured {
  readonly value?: number;
  readonly lower?: number;
  readonly samples?: number;
  readonly epsilon?: number;
  /** SHA-256 of the data that it was measured on. */
  readonly data?: string;
  /** Days since it was measured. */
  readonly age?: number;
  /** What the lower end of the interval should reach, approved before the measurement. */
  readonly threshold?: number;
}

const DAY = 24 * 60 * 60 * 1000;

export async function robustnessOf(
  files: Files,
  signer: Signer,
  { value = 0.9, lower = 0.87, samples = 500, epsilon = 0.2, data, age = 0, threshold }: Measured = {},
): Promise<unknown> {
  const finished = Date.now() - 30_000 - age * DAY;
  const subjects = [
    subjectOf("model", "model.onnx", sha256Of(files["model.onnx"])),
    ...(data === undefined ? [] : [subjectOf("data", "test.npz", data)]),
  ];
  const statement = attestationOf("robustness", subjects, {
    tool: { name: "casemate", version: "0.1.0" },
    method: "test",
    ...parametersWithDigest({ attack: "autoattack" }),
    metrics: [{ name: "accuracy.robust", value, n: samples, interval: { lower, upper: 1, confidence: 0.95 } }],
    startedOn: new Date(finished - 30_000).toISOString(),
    finishedOn: new Date(finished).toISOString(),
    expiresOn: new Date(finished + 365 * DAY).toISOString(),
    thresholds:
      threshold === undefined
        ? []
        : [
            {
              metric: "accuracy.robust",
              atLeast: threshold,
              use: "lower",
              approvedBy: "risk board",
              approvedOn: "2025-01-15T09:00:00Z",
            },
          ],
    scope: {},
    result: threshold === undefined ? "measured" : lower >= threshold ? "passed" : "failed",
    threat: { norm: "linf", epsilons: [epsilon] },
    checks: [{ id: "autoattack", status: "completed" }],
    warnings: [],
  });
  return await signed(statement, signer);
}

async function signed(statement: Parameters<typeof signStatement>[0], signer: Signer): Promise<unknown> {
  return bundleOf(await signStatement(statement, [signer]), signer.publicKey).json;
}
