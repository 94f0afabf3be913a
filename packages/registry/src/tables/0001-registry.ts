import type { Migration } from "@casemate/store";

const tables = [
  `create table users (
    tenant text not null,
    id text not null,
    name text not null,
    name_key text not null,
    kind text not null,
    password text,
    must_change_password bigint not null,
    disabled_at bigint,
    created_at bigint not null,
    primary key (tenant, id),
    unique (tenant, name_key)
  )`,
  `create table grants (
    tenant text not null,
    id text not null,
    user_id text not null,
    role text not null,
    model text not null,
    environment text not null,
    granted_by text not null,
    created_at bigint not null,
    expires_at bigint,
    primary key (tenant, id)
  )`,
  "create index grants_by_user_id on grants (tenant, user_id)",
  `create table tokens (
    tenant text not null,
    id text not null,
    user_id text not null,
    name text not null,
    hash text not null,
    scopes text,
    created_at bigint not null,
    expires_at bigint,
    last_used_at bigint,
    revoked_at bigint,
    primary key (id)
  )`,
  "create index tokens_by_user_id on tokens (tenant, user_id)",
  `create table sessions (
    tenant text not null,
    hash text not null,
    user_id text not null,
    csrf text not null,
    created_at bigint not null,
    expires_at bigint not null,
    last_used_at bigint not null,
    primary key (hash)
  )`,
  `create table login_failures (
    key text not null,
    count bigint not null,
    last_at bigint not null,
    primary key (key)
  )`,
  "create index login_failures_by_last_at on login_failures (last_at)",
  `create table federated_users (
    tenant text not null,
    issuer text not null,
    subject text not null,
    user_id text not null,
    primary key (tenant, issuer, subject)
  )`,
  `create table models (
    tenant text not null,
    name text not null,
    name_key text not null,
    description text not null,
    author text not null,
    created_at bigint not null,
    updated_at bigint not null,
    revision bigint not null,
    next_version bigint not null,
    deleted_at bigint,
    primary key (tenant, name),
    unique (tenant, name_key)
  )`,
  "create index models_by_updated_at on models (tenant, updated_at)",
  "create index models_by_created_at on models (tenant, created_at)",
  `create table model_tags (
    tenant text not null,
    model text not null,
    key text not null,
    value text not null,
    primary key (tenant, model, key)
  )`,
  "create index model_tags_by_value on model_tags (tenant, key, value)",
  `create table versions (
    tenant text not null,
    model text not null,
    version bigint not null,
    state text not null,
    state_reason text not null,
    root_digest text not null,
    size bigint not null,
    author text not null,
    description text not null,
    source text not null,
    run_id text,
    parent_model text,
    parent_version bigint,
    materials text not null,
    created_at bigint not null,
    updated_at bigint not null,
    revision bigint not null,
    primary key (tenant, model, version)
  )`,
  "create index versions_by_root_digest on versions (tenant, root_digest)",
  `create table version_files (
    tenant text not null,
    model text not null,
    version bigint not null,
    path text not null,
    sha256 text not null,
    size bigint not null,
    primary key (tenant, model, version, path)
  )`,
  "create index version_files_by_sha256 on version_files (tenant, sha256)",
  `create table version_tags (
    tenant text not null,
    model text not null,
    version bigint not null,
    key text not null,
    value text not null,
    primary key (tenant, model, version, key)
  )`,
  "create index version_tags_by_value on version_tags (tenant, key, value)",
  `create table version_evidence (
    tenant text not null,
    model text not null,
    version bigint not null,
    id text not null,
    predicate_type text not null,
    signer text not null,
    received_at bigint not null,
    received_from text not null,
    sequence bigint not null,
    primary key (tenant, model, version, id)
  )`,
  `create table aliases (
    tenant text not null,
    model text not null,
    alias text not null,
    version bigint not null,
    updated_at bigint not null,
    primary key (tenant, model, alias)
  )`,
  `create table alias_changes (
    tenant text not null,
    model text not null,
    alias text not null,
    sequence bigint not null,
    version bigint,
    actor text not null,
    at bigint not null,
    primary key (tenant, model, alias, sequence)
  )`,
  `create table environments (
    tenant text not null,
    name text not null,
    position bigint not null,
    blob_prefix text not null,
    policy text not null,
    policy_digest text not null,
    approvals bigint not null,
    key_ring text not null,
    revision bigint not null,
    primary key (tenant, name)
  )`,
  `create table promotions (
    tenant text not null,
    id text not null,
    model text not null,
    version bigint not null,
    root_digest text not null,
    environment text not null,
    state text not null,
    author text not null,
    reason text not null,
    policy_digest text not null,
    approvals_needed bigint not null,
    decision text not null,
    created_at bigint not null,
    expires_at bigint not null,
    closed_at bigint,
    revision bigint not null,
    primary key (tenant, id)
  )`,
  "create index promotions_by_version on promotions (tenant, model, version)",
  `create table approvals (
    tenant text not null,
    promotion text not null,
    approver text not null,
    verdict text not null,
    root_digest text not null,
    comment text not null,
    at bigint not null,
    primary key (tenant, promotion, approver)
  )`,
  `create table releases (
    tenant text not null,
    environment text not null,
    model text not null,
    version bigint not null,
    root_digest text not null,
    promotion text not null,
    attestation text not null,
    sequence bigint not null,
    at bigint not null,
    primary key (tenant, environment, model)
  )`,
  `create table events (
    sequence bigint not null,
    tenant text not null,
    at bigint not null,
    actor text not null,
    action text not null,
    resource text not null,
    entry text not null,
    primary key (sequence)
  )`,
  `create table event_addresses (
    sequence bigint not null,
    tenant text not null,
    address text not null,
    salt text not null,
    primary key (sequence)
  )`,
  "create index events_by_action on events (tenant, action)",
  "create index events_by_resource on events (tenant, resource)",
  `create table idempotent_requests (
    tenant text not null,
    actor text not null,
    key text not null,
    request text not null,
    status bigint not null,
    body text not null,
    created_at bigint not null,
    primary key (tenant, actor, key)
  )`,
  "create index idempotent_requests_by_created_at on idempotent_requests (created_at)",
  `create table webhooks (
    tenant text not null,
    id text not null,
    name text not null,
    url text not null,
    events text not null,
    secret text not null,
    description text not null,
    active bigint not null,
    created_by text not null,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (tenant, id)
  )`,
  `create table webhook_deliveries (
    tenant text not null,
    id text not null,
    webhook text not null,
    sequence bigint not null,
    attempts bigint not null,
    next_at bigint not null,
    done_at bigint,
    last_status text not null,
    body text not null,
    primary key (tenant, id)
  )`,
  "create index webhook_deliveries_by_next_at on webhook_deliveries (done_at, next_at)",
];

/** SQLite has no grants to take away, so triggers keep what is logged as it is; in PostgreSQL rules of the same kind. */
const appendOnly = {
  sqlite: ["update", "delete"].map(
    (verb) =>
      `create trigger events_no_${verb} before ${verb} on events begin select raise(abort, 'events are append-only'); end`,
  ),
  postgres: [
    `create function keep_events() returns trigger language plpgsql as
      'begin raise exception ''events are append-only''; end'`,
    "create trigger events_keep before update or delete or truncate on events execute function keep_events()",
  ],
};

/** All tables of the registry but MLflow's. */
export const registryTables: Migration = {
  name: "0001-registry",
  sql: {
    sqlite: [...tables.map((statement) => statement.replaceAll("bigint", "integer")), ...appendOnly.sqlite],
    // SQLite's order, by code point, so that lists and pages are the same in both homes
    postgres: [
      ...tables.map((statement) => statement.replaceAll(/ text\b/g, ' text collate "C"')),
      ...appendOnly.postgres,
    ],
  },
};
