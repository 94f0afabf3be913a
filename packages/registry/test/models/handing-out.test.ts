import { join } from "node:path";
import { generateKey, type Signer, signerFromFile } from "@casemate/evidence";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createVersion, localPrincipal } from "../../src/index.ts";
import { mlflow } from "../mlflow/server-with.ts";
import { ask, openTestServer, sha256Of, type TestServer } from "../open-server.ts";
import { signatureOf, uploadVersion } from "../signed-version.ts";

let server: TestServer;
let signer: Signer;
let ada: string;
let bob: string;
const files = { "model.onnx": Buffer.from("a graph of sorts") };
const manifest = [{ path: "model.onnx", sha256: sha256Of(files["model.onnx"]), size: files["model.onnx"].length }];

beforeAll(async () => {
  server = await openTestServer();
  ada = await server.account("ada", "contributor");
  bob = await server.account("bob", "reviewer");
  await generateKey(join(server.folder, "release.pem"), "ecdsa-p256");
  signer = await signerFromFile(join(server.folder, "release.pem"));
  await ask(server.url, ada, "POST", "/api/v1/models", { name: "digits" });
});

afterAll(async () => {
  expect(server.failures).toEqual([]);
  await server.close();
});

test("nobody gets the files of a version that was not scanned yet", async () => {
  await uploadVersion(server, ada, "digits", files);
  const { version } = await createVersion(server.registry, localPrincipal(), "digits", { files: manifest });
  const why = `version ${version} of digits is pending: it has not been scanned yet`;
  const rest = await ask(server.url, ada, "GET", `/api/v1/models/digits/versions/${version}/files/model.onnx`);
  expect(rest).toMatchObject({ status: 403, body: { detail: why } });
  for (const answer of [
    await mlflow(server, ada, "GET", "model-versions/get-download-uri", { name: "digits", version }),
    await ask(server.url, ada, "GET", `/api/2.0/mlflow-artifacts/artifacts/versions/digits/${version}/model.onnx`),
    await mlflow(server, ada, "POST", "model-versions/create", { name: "digits", source: `models:/digits/${version}` }),
  ])
    expect(answer).toMatchObject({ status: 403, body: { message: why } });
  server.server.admissions.wake();
  await server.server.admissions.settled();
});

test("files in quarantine do not come out by being registered anew, as a copy or from the start", async () => {
  const { version } = await uploadVersion(server, ada, "digits", files);
  const path = `/api/v1/models/digits/versions/${version}`;
  expect((await ask(server.url, bob, "POST", `${path}/quarantine`, { reason: "a back door" })).status).toBe(200);
  const copy = { name: "digits", source: `models:/digits/${version}` };
  expect((await mlflow(server, ada, "POST", "model-versions/create", copy)).status).toBe(403);
  const again = await uploadVersion(server, ada, "digits", files);
  expect((await ask(server.url, ada, "GET", `/api/v1/models/digits/versions/${again.version}`)).body).toMatchObject({
    state: "failed",
    stateReason: "a version with the same files is in quarantine",
  });
  expect((await ask(server.url, bob, "POST", `${path}/release-quarantine`, { reason: "it was none" })).status).toBe(
    200,
  );
});

test("a version comes with its signature, or not at all", async () => {
  const other = { "model.onnx": Buffer.from("another graph") };
  const create = (signature: unknown) =>
    ask(server.url, ada, "POST", "/api/v1/models/digits/versions", { files: manifest, signature });
  const before = (await ask(server.url, ada, "GET", "/api/v1/models/digits")).body.latestVersion;
  for (const signature of [{ no: "bundle" }, "text", await signatureOf(other, signer)])
    expect((await create(signature)).status).toBe(400);
  expect((await ask(server.url, ada, "GET", "/api/v1/models/digits")).body.latestVersion).toBe(before);
  const { status, body } = await create(await signatureOf(files, signer));
  expect([status, body.version]).toEqual([201, before + 1]);
  await server.server.admissions.settled();
  const evidence = await ask(server.url, ada, "GET", `/api/v1/models/digits/versions/${body.version}/evidence`);
  expect(evidence.body.items[0]).toMatchObject({ predicateType: "https://model_signing/signature/v1.0" });
});
