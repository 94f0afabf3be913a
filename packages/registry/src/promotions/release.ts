import {
  bundleOf,
  digestOf,
  parseBundle,
  parseNoteKey,
  parseProof,
  rootDigestOf,
  signStatement,
  statementOf,
  verifyAttestation,
  verifyProof,
} from "@casemate/evidence";
import type { Principal } from "../access/principal.ts";
import { findEnvironment } from "../environments/environments.ts";
import { RegistryError } from "../errors.ts";
import { change } from "../events/change.ts";
import { keepBundle, readEvidence } from "../evidence/evidence.ts";
import type { ManifestFile } from "../models/manifest.ts";
import { filesOf, findVersion, firstEnvironment } from "../models/version-rows.ts";
import type { Registry } from "../registry.ts";
import { explainDecision, judgeVersion } from "./judge.ts";
import { findPromotion, requireLive, setState } from "./promotion-rows.ts";
import { getPromotion, type PromotionView } from "./promotions.ts";

/** Type of the statement that a registry signs when it releases a version. */
export const releaseType = "https://casemate.dev/attestation/release/v0.1";

/**
 * Releases what was approved: asks the gate again, copies the files into the environment's own store, signs that, and points the
 * environment at it. Throws CONFLICT where approvals are missing, time is over, or the gate refuses now.
 */
export async function releasePromotion(registry: Registry, principal: Principal, id: string): Promise<PromotionView> {
  const { tenant } = principal;
  const { rows } = registry.store;
  const promotion = await findPromotion(rows, tenant, id);
  requireLive(promotion, ["approved"], registry.now());
  const row = await findVersion(rows, tenant, promotion.model, promotion.version);
  const environment = await findEnvironment(rows, tenant, promotion.environment);
  const decision = await judgeVersion(registry, row, environment);
  if (!decision.passes) {
    const reason = explainDecision(decision);
    await change(registry, principal, ({ record }) =>
      record({ action: "promotion:release", resource: `promotions/${id}`, outcome: "denied", reason }),
    );
    throw new RegistryError(
      "CONFLICT",
      `${environment.name} refuses version ${row.version} of ${row.model} now:\n${reason}`,
    );
  }
  const files = await filesOf(rows, row);
  const { blob_prefix: from } = await firstEnvironment(registry, tenant);
  for (const { sha256 } of files) await registry.store.blobs.copy(from, environment.blob_prefix, sha256);

  const { approvals } = await getPromotion(registry, tenant, id);
  const signer = await registry.signerFor(tenant, environment.name);
  const at = registry.now();
  const predicate = {
    tenant,
    environment: environment.name,
    model: row.model,
    version: row.version,
    promotion: id,
    approvals: approvals
      .filter(({ verdict }) => verdict === "approve")
      .map(({ approver, at: on }) => ({ approver, on })),
    policy: { digest: { sha256: environment.policy_digest } },
    decision,
    releasedOn: new Date(at).toISOString(),
  };
  const statement = statementOf(
    [{ name: `${row.model}/${row.version}`, digest: { sha256: row.root_digest } }],
    releaseType,
    predicate,
  );
  const bundle = bundleOf(await signStatement(statement, [signer]), signer.publicKey);
  const attestation = await keepBundle(registry, tenant, Buffer.from(JSON.stringify(bundle.json)));

  await change(registry, principal, async ({ rows: writing, record }) => {
    const now = await findPromotion(writing, tenant, id);
    requireLive(now, ["approved"], at);
    const version = await findVersion(writing, tenant, row.model, row.version);
    if (version.state !== "ready" || version.root_digest !== now.root_digest)
      throw new RegistryError("CONFLICT", `version ${version.version} of ${version.model} is ${version.state} now`);
    const key = { tenant, environment: environment.name, model: row.model };
    const before = await writing
      .selectFrom("releases")
      .selectAll()
      .where("tenant", "=", tenant)
      .where("environment", "=", environment.name)
      .where("model", "=", row.model)
      .executeTakeFirst();
    const sequence = await record({
      action: "promotion:release",
      resource: `environments/${environment.name}/models/${row.model}`,
      ...(before === undefined ? {} : { before: before.root_digest }),
      after: row.root_digest,
      details: {
        promotion: id,
        version: row.version,
        attestation,
        policyDigest: environment.policy_digest,
        decisionDigest: digestOf(decision),
      },
    });
    await writing
      .deleteFrom("releases")
      .where("tenant", "=", tenant)
      .where("environment", "=", key.environment)
      .where("model", "=", key.model)
      .execute();
    await writing
      .insertInto("releases")
      .values({ ...key, version: row.version, root_digest: row.root_digest, promotion: id, attestation, sequence, at })
      .execute();
    await writing
      .deleteFrom("aliases")
      .where("tenant", "=", tenant)
      .where("model", "=", key.model)
      .where("alias", "=", key.environment)
      .execute();
    await writing
      .insertInto("aliases")
      .values({ tenant, model: key.model, alias: key.environment, version: row.version, updated_at: at })
      .execute();
    await writing
      .insertInto("alias_changes")
      .values({
        tenant,
        model: key.model,
        alias: key.environment,
        sequence,
        version: row.version,
        actor: principal.id,
        at,
      })
      .execute();
    await setState(writing, now, "promoted", at);
  });
  return await getPromotion(registry, tenant, id);
}

/** What an environment serves, with everything that proves it offline. */
export interface LoadedRelease {
  readonly model: string;
  readonly version: number;
  readonly environment: string;
  readonly rootDigest: string;
  readonly files: readonly ManifestFile[];
  /** The registry's signed statement, as a Sigstore bundle. */
  readonly attestation: unknown;
  /** The logged event of the release, its proof, and what verifies the log's checkpoint. */
  readonly event: string;
  readonly proof: string;
  readonly logKey: string;
}

/**
 * The version that an environment serves, after its state, its manifest, the registry's signature and its place in the log were
 * verified, every time. Throws NOT_FOUND where nothing is released and CONFLICT where something is not as it was signed.
 */
export async function loadRelease(
  registry: Registry,
  tenant: string,
  environmentName: string,
  model: string,
): Promise<LoadedRelease> {
  const { rows } = registry.store;
  const environment = await findEnvironment(rows, tenant, environmentName);
  const release = await rows
    .selectFrom("releases")
    .selectAll()
    .where("tenant", "=", tenant)
    .where("environment", "=", environment.name)
    .where("model", "=", model.normalize("NFC"))
    .executeTakeFirst();
  if (release === undefined)
    throw new RegistryError("NOT_FOUND", `${environment.name} serves no version of ${JSON.stringify(model)}`);
  const refuse = (why: string) =>
    new RegistryError(
      "CONFLICT",
      `version ${release.version} of ${release.model} is not served in ${environment.name}: ${why}`,
    );
  const row = await findVersion(rows, tenant, release.model, release.version);
  if (row.state !== "ready") throw refuse(`it is ${row.state}: ${row.state_reason}`);
  const files = await filesOf(rows, row);
  if (rootDigestOf(files) !== release.root_digest) throw refuse("its files are not the ones that were released");

  const bytes = await readEvidence(registry, tenant, release.attestation);
  const { publicKey } = await registry.signerFor(tenant, environment.name);
  const { statement } = verifyAttestation(parseBundle(bytes), { type: "keys", keys: [publicKey] });
  const { environment: signedFor, promotion } = statement.predicate as {
    readonly environment?: string;
    readonly promotion?: string;
  };
  if (
    statement.predicateType !== releaseType ||
    statement.subject[0]?.digest.sha256 !== release.root_digest ||
    signedFor !== environment.name ||
    promotion !== release.promotion
  )
    throw refuse("the registry's signature is about something else");

  await registry.log.settled();
  const { entries } = registry.log;
  const event = await entries.entry(release.sequence);
  const proof = await entries.proof(release.sequence);
  verifyProof(proof, event, parseNoteKey(entries.vkey));
  const logged = JSON.parse(event.toString("utf8"));
  if (
    parseProof(proof).index !== release.sequence ||
    logged.after !== release.root_digest ||
    logged.details?.attestation !== release.attestation
  )
    throw refuse("the log has another release at its place");
  return {
    model: release.model,
    version: release.version,
    environment: environment.name,
    rootDigest: release.root_digest,
    files,
    attestation: JSON.parse(bytes.toString("utf8")),
    event: event.toString("utf8"),
    proof,
    logKey: entries.vkey,
  };
}
