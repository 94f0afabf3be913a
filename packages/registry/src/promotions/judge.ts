import {
  addKey,
  evaluateGate,
  type GateDecision,
  type KeyRing,
  parseGatePolicy,
  parseKeyRing,
} from "@casemate/evidence";
import { type EnvironmentRow, listEnvironments } from "../environments/environments.ts";
import { exhibitsOf } from "../evidence/evidence.ts";
import { filesOf, type VersionRow } from "../models/version-rows.ts";
import type { Registry } from "../registry.ts";

/** Holds all that is known about a version against an environment's policy. The registry's own scans count besides the trusted keys. */
export async function judgeVersion(
  registry: Registry,
  row: VersionRow,
  environment: EnvironmentRow,
): Promise<GateDecision> {
  const files = await filesOf(registry.store.rows, row);
  const ring = await withOwnKey(registry, row.tenant, parseKeyRing(Buffer.from(environment.key_ring)));
  return evaluateGate(
    parseGatePolicy(Buffer.from(environment.policy)),
    await exhibitsOf(registry, row),
    { files, root: row.root_digest },
    { ring, environment: environment.name, now: new Date(registry.now()) },
  );
}

/** Why a gate refuses: a line for each requirement that is not met. */
export function explainDecision({ lines }: GateDecision): string {
  return lines
    .filter(({ status }) => status !== "met")
    .map(({ requirement, status, reason }) => `${requirement}: ${status}: ${reason}`)
    .join("\n");
}

async function withOwnKey(registry: Registry, tenant: string, ring: KeyRing): Promise<KeyRing> {
  const [first] = await listEnvironments(registry, tenant);
  const { publicKey } = await registry.signerFor(tenant, first!.name);
  if (ring.keys.some(({ id }) => id === publicKey.id)) return ring;
  return addKey(ring, publicKey, { name: "registry", validFrom: new Date(0), kinds: ["scan"] });
}
