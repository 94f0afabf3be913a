import type { MlflowTables } from "../mlflow/tables.ts";

/**
 * The tables as Kysely knows them. Times are milliseconds since 1970 (UTC), JSON is text, truth is 0 or 1. `tenant` parts what
 * must not see each other; every primary key begins with it. MLflow's tables are in `mlflow/tables.ts`.
 */
export interface Tables extends MlflowTables {
  users: User;
  grants: Grant;
  tokens: Token;
  sessions: Session;
  login_failures: LoginFailures;
  federated_users: FederatedUser;
  models: Model;
  model_tags: ModelTag;
  versions: Version;
  version_files: VersionFile;
  version_tags: VersionTag;
  version_evidence: VersionEvidence;
  aliases: Alias;
  alias_changes: AliasChange;
  environments: Environment;
  promotions: Promotion;
  approvals: Approval;
  releases: Release;
  events: Event;
  event_addresses: EventAddress;
  idempotent_requests: IdempotentRequest;
  webhooks: Webhook;
  webhook_deliveries: WebhookDelivery;
}

interface User {
  tenant: string;
  id: string;
  name: string;
  /** NFC and case-folded: two names that look alike to a reader are one. */
  name_key: string;
  kind: "person" | "service";
  /** scrypt with its parameters; none for services and for who signs in elsewhere. */
  password: string | null;
  must_change_password: number;
  disabled_at: number | null;
  created_at: number;
}

interface Grant {
  tenant: string;
  id: string;
  user_id: string;
  role: string;
  /** A model's name, or the beginning of one before `*`. */
  model: string;
  /** An environment's name, or `*`. */
  environment: string;
  granted_by: string;
  created_at: number;
  expires_at: number | null;
}

interface Token {
  tenant: string;
  /** The part that is shown: a token is `cmt_<id>_<secret>`. */
  id: string;
  user_id: string;
  name: string;
  /** SHA-256 of the whole token, in hex: the secret has 256 random bits, so that no slow hash is needed. */
  hash: string;
  /** Actions that it is good for, as a JSON list; null for all that its owner may do. */
  scopes: string | null;
  created_at: number;
  expires_at: number | null;
  last_used_at: number | null;
  revoked_at: number | null;
}

interface Session {
  tenant: string;
  /** SHA-256 of the cookie. */
  hash: string;
  user_id: string;
  csrf: string;
  created_at: number;
  expires_at: number;
  last_used_at: number;
}

interface LoginFailures {
  /** Digest of an account's name, or an address: a name may be a password that was typed into the wrong field. */
  key: string;
  count: number;
  last_at: number;
}

interface FederatedUser {
  tenant: string;
  issuer: string;
  subject: string;
  user_id: string;
}

interface Model {
  tenant: string;
  name: string;
  name_key: string;
  description: string;
  author: string;
  created_at: number;
  updated_at: number;
  /** Counts changes; the ETag. */
  revision: number;
  /** The number that the next version gets: numbers are never used twice. */
  next_version: number;
  deleted_at: number | null;
}

interface ModelTag {
  tenant: string;
  model: string;
  key: string;
  value: string;
}

export type VersionState = "pending" | "ready" | "failed" | "quarantined" | "retired" | "deleted";

interface Version {
  tenant: string;
  model: string;
  version: number;
  state: VersionState;
  /** Why it failed, was quarantined, retired or deleted. */
  state_reason: string;
  /** SHA-256 over the manifest, in hex: what an approval is about. */
  root_digest: string;
  size: number;
  author: string;
  description: string;
  /** Where it came from, as its author says. */
  source: string;
  run_id: string | null;
  parent_model: string | null;
  parent_version: number | null;
  /** Digests of data sets and whatever else it was made of, as JSON: [{ name, sha256, role }]. */
  materials: string;
  created_at: number;
  updated_at: number;
  revision: number;
}

interface VersionFile {
  tenant: string;
  model: string;
  version: number;
  path: string;
  sha256: string;
  size: number;
}

interface VersionTag {
  tenant: string;
  model: string;
  version: number;
  key: string;
  value: string;
}

/** An attestation or signature about a version; the bundle itself is a blob. */
interface VersionEvidence {
  tenant: string;
  model: string;
  version: number;
  /** SHA-256 of the bundle: its name as a blob, too. */
  id: string;
  predicate_type: string;
  /** Id of the key that signed. */
  signer: string;
  received_at: number;
  received_from: string;
  /** Where the transparency log has it. */
  sequence: number;
}

interface Alias {
  tenant: string;
  model: string;
  alias: string;
  version: number;
  updated_at: number;
}

interface AliasChange {
  tenant: string;
  model: string;
  alias: string;
  sequence: number;
  /** Null where the alias was taken away. */
  version: number | null;
  actor: string;
  at: number;
}

interface Environment {
  tenant: string;
  name: string;
  /** In order: development 0, staging 1, production 2. */
  position: number;
  /** What blobs of this environment are stored under. */
  blob_prefix: string;
  /** The gate's policy as JSON, and its SHA-256. */
  policy: string;
  policy_digest: string;
  /** How many people other than the author must approve. */
  approvals: number;
  /** Keys trusted here, as the JSON of a key ring. */
  key_ring: string;
  revision: number;
}

export type PromotionState = "open" | "approved" | "promoted" | "refused" | "revoked" | "expired";

interface Promotion {
  tenant: string;
  id: string;
  model: string;
  version: number;
  /** What it is about: another digest under the same number would void it. */
  root_digest: string;
  environment: string;
  state: PromotionState;
  author: string;
  reason: string;
  policy_digest: string;
  approvals_needed: number;
  /** The gate's decision, as JSON, at the last time it was asked. */
  decision: string;
  created_at: number;
  expires_at: number;
  closed_at: number | null;
  revision: number;
}

interface Approval {
  tenant: string;
  promotion: string;
  approver: string;
  verdict: "approve" | "refuse";
  root_digest: string;
  comment: string;
  at: number;
}

/** Which version an environment serves. */
interface Release {
  tenant: string;
  environment: string;
  model: string;
  version: number;
  root_digest: string;
  promotion: string;
  /** SHA-256 of the signed statement that it was released: its name as a blob. */
  attestation: string;
  /** Where the transparency log has the release. */
  sequence: number;
  at: number;
}

interface Event {
  /** From 0, without gaps: the leaf's index in the transparency log. */
  sequence: number;
  tenant: string;
  at: number;
  actor: string;
  action: string;
  resource: string;
  /** The canonical JSON (RFC 8785) that is logged. */
  entry: string;
}

/** Where the request of an event came from; what the log has of it is SHA-256(salt ‖ address). May be erased. */
interface EventAddress {
  sequence: number;
  tenant: string;
  address: string;
  /** In hex. */
  salt: string;
}

interface IdempotentRequest {
  tenant: string;
  actor: string;
  key: string;
  /** SHA-256 over method, path and body: the same key for another request is a mistake. */
  request: string;
  status: number;
  body: string;
  created_at: number;
}

interface Webhook {
  tenant: string;
  id: string;
  name: string;
  url: string;
  /** JSON list of actions. */
  events: string;
  secret: string;
  description: string;
  active: number;
  created_by: string;
  created_at: number;
  updated_at: number;
}

interface WebhookDelivery {
  tenant: string;
  id: string;
  webhook: string;
  sequence: number;
  attempts: number;
  next_at: number;
  /** Null while it is to be tried. */
  done_at: number | null;
  last_status: string;
  body: string;
}
