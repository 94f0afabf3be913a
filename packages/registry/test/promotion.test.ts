import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import {
  addKey,
  generateKey,
  parseBundle,
  parseNoteKey,
  type Signer,
  signerFromFile,
  verifyProof,
} from "@casemate/evidence";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDatabase } from "../../store/test/homes.ts";
import { accountWith } from "./mlflow/server-with.ts";
import { ask, openTestServer, sha256Of, type TestServer } from "./open-server.ts";
import { robustnessOf, signatureOf, uploadVersion } from "./signed-version.ts";

let server: TestServer;
let signer: Signer;
const tokens: Record<string, string> = {};
const files = { "model.onnx": Buffer.from("not really a graph"), "README.md": Buffer.from("# digits\n") };

const call = (who: string, method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
  ask(server.url, tokens[who] ?? "", method, `/api/v1${path}`, body, headers);

describe.each(["embedded", "postgres"] as const)("%s", (home) => {
  beforeAll(async () => {
    server = await openTestServer(home === "embedded" ? undefined : await createDatabase());
    tokens.ada = await server.account("ada", "contributor");
    tokens.bob = await server.account("bob", "reviewer");
    tokens.eve = await server.account("eve", "reviewer");
    tokens.rob = await server.account("rob", "releaser");
    tokens.root = await server.account("root", "admin");
    tokens.gate = await server.account("gateway", "service", { environment: "production", kind: "service" });
    tokens.vic = await server.account("vic", "viewer");
    tokens.aud = await server.account("aud", "auditor");
    await generateKey(join(server.folder, "release.pem"), "ecdsa-p256");
    signer = await signerFromFile(join(server.folder, "release.pem"));
  });

  afterAll(async () => {
    expect(server.failures).toEqual([]);
    await server.close();
  });

  test("a version reaches production by signature, scan, attack, two people and a releaser, and proves it offline", async () => {
    expect((await call("ada", "POST", "/models", { name: "digits", description: "Handwritten digits" })).status).toBe(
      201,
    );
    const { version, rootDigest } = await uploadVersion(server, tokens.ada!, "digits", files);
    expect((await call("vic", "GET", `/models/digits/versions/${version}`)).body).toMatchObject({
      state: "ready",
      stateReason: expect.stringContaining("the scan says"),
    });

    const ring = addKey({ keys: [] }, signer.publicKey, { name: "release key", validFrom: new Date(0) });
    expect((await call("root", "PATCH", "/environments/production", { keyRing: ring })).status).toBe(200);
    const want = { model: "digits", version, environment: "production", reason: "better on noisy digits" };
    const refused = await call("ada", "POST", "/promotions", want);
    expect(refused.status).toBe(409);
    expect(refused.body.detail).toContain("signature: missing: nobody has signed exactly these files");
    expect(refused.body.detail).toContain("robustness: missing: there is no robustness attestation about it");

    await generateKey(join(server.folder, "stranger.pem"), "ed25519");
    const stranger = await signerFromFile(join(server.folder, "stranger.pem"));
    for (const bundle of [await signatureOf(files, signer), await robustnessOf(files, stranger)])
      expect((await call("ada", "POST", `/models/digits/versions/${version}/evidence`, bundle)).status).toBe(201);
    expect((await call("ada", "POST", "/promotions", want)).body.detail).toMatch(
      /^production refuses version 1 of digits:\nrobustness: untrusted: .*is not in the key ring$/,
    );

    await call("ada", "POST", `/models/digits/versions/${version}/evidence`, await robustnessOf(files, signer));
    const promotion = await call("ada", "POST", "/promotions", want);
    expect(promotion).toMatchObject({ status: 201, body: { state: "open", approvalsNeeded: 2, rootDigest } });
    const { id } = promotion.body;
    const vote = (who: string, digest = rootDigest) =>
      call(who, "POST", `/promotions/${id}/approvals`, { verdict: "approve", rootDigest: digest });
    expect((await vote("ada")).status).toBe(403);
    expect((await vote("bob", "0".repeat(64))).status).toBe(409);
    expect((await vote("bob")).body.state).toBe("open");
    expect((await vote("bob")).status).toBe(409);
    expect((await call("rob", "POST", `/promotions/${id}/release`)).status).toBe(409);
    expect((await vote("eve")).body.state).toBe("approved");
    expect((await call("ada", "POST", `/promotions/${id}/release`)).status).toBe(403);
    expect((await call("rob", "POST", `/promotions/${id}/release`)).body.state).toBe("promoted");

    const loaded = await call("gate", "GET", "/environments/production/models/digits");
    expect(loaded).toMatchObject({ status: 200, body: { version, rootDigest } });
    const proved = verifyProof(loaded.body.proof, Buffer.from(loaded.body.event), parseNoteKey(loaded.body.logKey));
    expect(JSON.parse(loaded.body.event)).toMatchObject({
      sequence: proved.index,
      action: "promotion:release",
      after: rootDigest,
    });
    expect(parseBundle(Buffer.from(JSON.stringify(loaded.body.attestation))).material.type).toBe("publicKey");
    expect((await call("gate", "GET", "/environments/production/models/digits/files/model.onnx")).body).toBe(
      "not really a graph",
    );
    expect((await call("vic", "GET", "/models/digits/aliases/production")).body.version).toBe(version);
    expect((await call("gate", "GET", "/environments/staging/models/digits")).status).toBe(403);

    expect(
      (await call("bob", "POST", `/models/digits/versions/${version}/quarantine`, { reason: "odd answers" })).status,
    ).toBe(200);
    expect((await call("gate", "GET", "/environments/production/models/digits")).body.detail).toContain(
      "it is quarantined: odd answers",
    );
    expect(
      (await call("bob", "POST", `/models/digits/versions/${version}/release-quarantine`, { reason: "a false alarm" }))
        .status,
    ).toBe(200);
    expect((await call("root", "DELETE", `/models/digits/versions/${version}?reason=tidy`)).body.detail).toContain(
      "is released in production",
    );
    expect((await call("eve", "POST", `/promotions/${id}/revoke`, { reason: "drift" })).body.state).toBe("revoked");
    expect((await call("gate", "GET", "/environments/production/models/digits")).status).toBe(404);
    expect(
      (await call("vic", "GET", "/models/digits/aliases/production/history")).body.items.map(
        (move: { version: number }) => move.version,
      ),
    ).toEqual([version, null]);
  });

  test("rows that somebody changed behind the registry's back are noticed at the load", async () => {
    await call("ada", "POST", "/models", { name: "letters" });
    const { version, rootDigest } = await uploadVersion(server, tokens.ada!, "letters", files);
    await server.registry.store.write(async (rows) => {
      await rows
        .updateTable("environments")
        .set({ policy: JSON.stringify({ name: "open", requirements: [] }), approvals: 0 })
        .where("name", "=", "production")
        .execute();
    });
    const { body } = await call("ada", "POST", "/promotions", { model: "letters", version, environment: "production" });
    expect(body.state).toBe("approved");
    expect((await call("rob", "POST", `/promotions/${body.id}/release`)).body.state).toBe("promoted");
    const load = () => call("gate", "GET", "/environments/production/models/letters");
    expect((await load()).status).toBe(200);
    await server.registry.store.write(async (rows) => {
      await rows
        .updateTable("version_files")
        .set({ sha256: "0".repeat(64) })
        .where("model", "=", "letters")
        .where("path", "=", "model.onnx")
        .execute();
    });
    expect((await load()).body.detail).toContain("its files are not the ones that were released");
    await server.registry.store.write(async (rows) => {
      await rows
        .updateTable("version_files")
        .set({ sha256: sha256Of(files["model.onnx"]) })
        .where("model", "=", "letters")
        .where("path", "=", "model.onnx")
        .execute();
      await rows
        .updateTable("releases")
        .set({ root_digest: rootDigest, sequence: 0 })
        .where("model", "=", "letters")
        .execute();
    });
    expect((await load()).body.detail).toContain("the log has another release at its place");
    await expect(
      server.registry.store.write((rows) => rows.updateTable("events").set({ action: "nothing" }).execute()),
    ).rejects.toThrow("append-only");
  });

  test("a malicious file fails its version, with the scan as evidence", async () => {
    await call("ada", "POST", "/models", { name: "trap" });
    const pickle = Buffer.from("cos\nsystem\n(S'true'\ntR.");
    await call("ada", "PUT", `/models/trap/blobs/${sha256Of(pickle)}`, pickle);
    const { body } = await call("ada", "POST", "/models/trap/versions", {
      files: [{ path: "model.pkl", sha256: sha256Of(pickle), size: pickle.length }],
    });
    await server.server.admissions.settled();
    const found = await call("vic", "GET", `/models/trap/versions/${body.version}`);
    expect(found.body).toMatchObject({
      state: "failed",
      stateReason: expect.stringMatching(/^the scan says malicious: model\.pkl: /),
    });
    expect((await call("vic", "GET", `/models/trap/versions/${body.version}/files/model.pkl`)).status).toBe(403);
    expect((await call("vic", "GET", `/models/trap/versions/${body.version}/evidence`)).body.items).toHaveLength(1);
  });

  test("who made a version does not approve it when somebody else asks, and the attempt is in the log", async () => {
    tokens.dan = await accountWith(server, "dan", ["contributor", "reviewer"]);
    await call("dan", "POST", "/models", { name: "own" });
    const { version, rootDigest } = await uploadVersion(server, tokens.dan, "own", files);
    const ids = [];
    for (const days of [1, 2, 3]) {
      const want = { model: "own", version, environment: "staging", days };
      ids.push((await call("rob", "POST", "/promotions", want)).body.id);
    }
    const vote = { verdict: "approve", rootDigest };
    expect(await call("dan", "POST", `/promotions/${ids[0]}/approvals`, vote)).toMatchObject({
      status: 403,
      body: { detail: "authors do not approve what is theirs" },
    });
    const { body } = await call("aud", "GET", `/events?resource=${encodeURIComponent(`promotions/${ids[0]}`)}`);
    expect(body.items.at(-1)).toMatchObject({ action: "promotion:approve", outcome: "denied" });

    const first = (await call("vic", "GET", "/models/own/promotions?limit=2")).body;
    const second = (await call("vic", "GET", `/models/own/promotions?limit=2&after=${first.next}`)).body;
    expect([first.items.length, second.items.length, second.next]).toEqual([2, 1, undefined]);
    const listed = [...first.items, ...second.items].map(({ id }: { id: string }) => id);
    expect(new Set(listed)).toEqual(new Set(ids));
  });

  test("the log has every change and every denied attempt, in order, with its proof", async () => {
    expect((await call("vic", "GET", "/events")).status).toBe(403);
    const { body } = await call("aud", "GET", "/events?limit=1000");
    expect(body.items.map(({ sequence }: { sequence: number }) => sequence)).toEqual(
      body.items.map((_: unknown, index: number) => index),
    );
    const denied = body.items.filter(({ outcome }: { outcome: string }) => outcome === "denied");
    expect(denied.map(({ action }: { action: string }) => action)).toContain("promotion:approve");
    const address = await server.registry.store.rows
      .selectFrom("event_addresses")
      .selectAll()
      .where("sequence", "=", denied[0].sequence)
      .executeTakeFirstOrThrow();
    expect(address.address).toBe("127.0.0.1");
    expect(denied[0].actor.from).toBe(
      createHash("sha256").update(Buffer.from(address.salt, "hex")).update("127.0.0.1").digest("hex"),
    );
    expect(JSON.stringify(body)).not.toContain("127.0.0.1");
    const { sequence } = denied[0];
    const { body: proof } = await call("aud", "GET", `/events/${sequence}/proof`);
    expect(verifyProof(proof.proof, Buffer.from(proof.event), parseNoteKey(proof.key)).index).toBe(sequence);
    expect(JSON.stringify(body)).not.toContain(tokens.ada!.split("_").slice(2).join("_"));
    await rm(join(server.folder, "stranger.pem"));
  });
});
