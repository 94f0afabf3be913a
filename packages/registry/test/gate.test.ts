import { join } from "node:path";
import { addKey, generateKey, type Signer, signerFromFile } from "@casemate/evidence";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDatabase } from "../../store/test/homes.ts";
import { ask, openTestServer, type TestServer } from "./open-server.ts";
import { type Measured, robustnessOf, signatureOf, uploadVersion } from "./signed-version.ts";

const approvedData = "d".repeat(64);
const rule = { metric: "accuracy.robust", atLeast: 0.8, use: "lower" };
const policy = {
  name: "production",
  log: true,
  requirements: [
    { kind: "model", name: "signature" },
    { kind: "scan", verdicts: ["clean", "suspicious"] },
    {
      kind: "robustness",
      name: "robustness",
      data: approvedData,
      threat: { norm: "linf", epsilon: 0.2 },
      checks: ["autoattack"],
      metrics: [{ ...rule, fixedBeforehand: true }],
      minimumSamples: 500,
      maximumAgeDays: 30,
    },
  ],
};
const good: Measured = { data: approvedData, threshold: 0.8 };

describe.each(["embedded", "postgres"] as const)("%s", (home) => {
  let server: TestServer;
  let token: string;
  let signer: Signer;

  beforeAll(async () => {
    server = await openTestServer(home === "embedded" ? undefined : await createDatabase());
    token = await server.account("ada", "contributor");
    await generateKey(join(server.folder, "release.pem"), "ed25519");
    signer = await signerFromFile(join(server.folder, "release.pem"));
    const admin = await server.account("root", "admin");
    const keyRing = addKey({ keys: [] }, signer.publicKey, { name: "release", validFrom: new Date(0) });
    const { status } = await ask(server.url, admin, "PATCH", "/api/v1/environments/production", { policy, keyRing });
    expect(status).toBe(200);
    await ask(server.url, token, "POST", "/api/v1/models", { name: "digits" });
  });

  afterAll(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  /** What production says to a signed version with this measurement. */
  const answerTo = async (measured: Measured) => {
    const files = { "model.onnx": Buffer.from(`no graph either: ${JSON.stringify(measured)}`) };
    const { version } = await uploadVersion(server, token, "digits", files);
    const path = `/api/v1/models/digits/versions/${version}`;
    for (const bundle of [await signatureOf(files, signer), await robustnessOf(files, signer, measured)])
      expect((await ask(server.url, token, "POST", `${path}/evidence`, bundle)).status).toBe(201);
    const wish = { model: "digits", version, environment: "production" };
    const { status, body } = await ask(server.url, token, "POST", "/api/v1/promotions", wish);
    return { status, detail: body.detail?.split("\n").slice(1).join("\n") };
  };

  test.each<[string, Measured, string]>([
    ["stale evidence", { ...good, age: 42 }, "stale: 42.0 days old; expected at most 30"],
    ["evidence that has expired", { ...good, age: 400 }, "stale: expired on "],
    [
      "a value below the threshold",
      { data: approvedData, value: 0.79, lower: 0.75 },
      "failing: the lower end of the interval of accuracy.robust is 0.75; expected at least 0.8",
    ],
    [
      "a value above the threshold whose interval reaches below it",
      { data: approvedData, value: 0.81, lower: 0.77 },
      "failing: the lower end of the interval of accuracy.robust is 0.77; expected at least 0.8",
    ],
    [
      "a value below the evidence's own threshold",
      { ...good, value: 0.79, lower: 0.75 },
      "failing: the result is failed; expected passed or warned or measured",
    ],
    [
      "too few samples",
      { ...good, samples: 50 },
      "failing: accuracy.robust was measured on 50 samples; expected at least 500",
    ],
    [
      "a threshold that nobody approved beforehand",
      { data: approvedData },
      "failing: no threshold of at least 0.8 on accuracy.robust was approved before the measurement",
    ],
    ["a weaker attacker", { ...good, epsilon: 0.1 }, "failing: attacked within linf 0.1; expected at least linf 0.2"],
    ["other data", { ...good, data: "e".repeat(64) }, `out of scope: measured on other data than ${approvedData}`],
  ])("production refuses %s, in plain words", async (_, measured, reason) => {
    const { status, detail } = await answerTo(measured);
    expect(status).toBe(409);
    expect(detail).toMatch(new RegExp(`^robustness: ${reason.replace(/[.*()]/g, "\\$&")}`));
  });

  test("what meets all of it may be promoted", async () => {
    expect(await answerTo(good)).toEqual({ status: 201, detail: undefined });
  });
});
