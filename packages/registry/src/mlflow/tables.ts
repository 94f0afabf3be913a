import type { Migration } from "@casemate/store";

/** What MLflow keeps beside models and versions. Times are milliseconds since 1970 (UTC). */
export interface MlflowTables {
  experiments: Experiment;
  experiment_tags: { tenant: string; experiment: number; key: string; value: string };
  runs: Run;
  run_tags: RunEntry;
  params: RunEntry;
  metrics: Metric;
  latest_metrics: Metric;
  run_inputs: RunInput;
  run_models: RunModel;
  logged_models: LoggedModel;
  logged_model_tags: LoggedModelEntry;
  logged_model_params: LoggedModelEntry;
  logged_model_metrics: LoggedModelMetric;
  artifacts: Artifact;
  archived_versions: { tenant: string; model: string; version: number; at: number };
}

interface Experiment {
  tenant: string;
  id: number;
  name: string;
  /** What makes two names the same; of experiments that were deleted, too. */
  name_key: string;
  author: string;
  created_at: number;
  updated_at: number;
  deleted_at: number | null;
}

interface Run {
  tenant: string;
  id: string;
  experiment: number;
  name: string;
  /** As the client says; who it was is in the events. */
  user_id: string;
  status: string;
  start_time: number | null;
  end_time: number | null;
  deleted_at: number | null;
}

interface RunEntry {
  tenant: string;
  run: string;
  key: string;
  value: string;
}

/** Infinities are kept as the largest numbers there are, as MLflow does; NaN as 0 with `is_nan` 1. */
interface Metric {
  tenant: string;
  run: string;
  key: string;
  step: number;
  at: number;
  value: number;
  is_nan: number;
}

/** A data set that a run used. */
interface RunInput {
  tenant: string;
  run: string;
  name: string;
  digest: string;
  context: string;
  source_type: string;
  source: string;
  schema: string | null;
  profile: string | null;
  /** JSON: [{ key, value }]. */
  tags: string;
}

/** A model that a run took or made. */
interface RunModel {
  tenant: string;
  run: string;
  direction: "input" | "output";
  model: string;
  step: number;
}

interface LoggedModel {
  tenant: string;
  id: string;
  experiment: number;
  name: string;
  model_type: string;
  source_run: string;
  status: string;
  status_message: string;
  created_at: number;
  updated_at: number;
  deleted_at: number | null;
}

interface LoggedModelEntry {
  tenant: string;
  model: string;
  key: string;
  value: string;
}

interface LoggedModelMetric {
  tenant: string;
  model: string;
  run: string;
  key: string;
  step: number;
  at: number;
  value: number;
  is_nan: number;
  dataset_name: string;
  dataset_digest: string;
}

/** A file of a run or logged model: a name for a blob. */
interface Artifact {
  tenant: string;
  /** `1/<run>/artifacts/notes.txt` or `1/models/<logged model>/artifacts/MLmodel`. */
  path: string;
  sha256: string;
  size: number;
  at: number;
}

const metricColumns = `
    tenant text not null,
    run text not null,
    key text not null,
    step bigint not null,
    at bigint not null,
    value double precision not null,
    is_nan bigint not null`;
const entry = (owner: string) => `
    tenant text not null,
    ${owner} text not null,
    key text not null,
    value text not null,
    primary key (tenant, ${owner}, key)`;

const tables = [
  `create table experiments (
    tenant text not null,
    id bigint not null,
    name text not null,
    name_key text not null,
    author text not null,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint,
    primary key (tenant, id),
    unique (tenant, name_key)
  )`,
  `create table experiment_tags (
    tenant text not null,
    experiment bigint not null,
    key text not null,
    value text not null,
    primary key (tenant, experiment, key)
  )`,
  `create table runs (
    tenant text not null,
    id text not null,
    experiment bigint not null,
    name text not null,
    user_id text not null,
    status text not null,
    start_time bigint,
    end_time bigint,
    deleted_at bigint,
    primary key (tenant, id)
  )`,
  "create index runs_by_start_time on runs (tenant, experiment, start_time)",
  `create table run_tags (${entry("run")}
  )`,
  `create table params (${entry("run")}
  )`,
  `create table metrics (${metricColumns},
    primary key (tenant, run, key, step, at, value, is_nan)
  )`,
  `create table latest_metrics (${metricColumns},
    primary key (tenant, run, key)
  )`,
  `create table run_inputs (
    tenant text not null,
    run text not null,
    name text not null,
    digest text not null,
    context text not null,
    source_type text not null,
    source text not null,
    schema text,
    profile text,
    tags text not null,
    primary key (tenant, run, name, digest)
  )`,
  `create table run_models (
    tenant text not null,
    run text not null,
    direction text not null,
    model text not null,
    step bigint not null,
    primary key (tenant, run, direction, model)
  )`,
  `create table logged_models (
    tenant text not null,
    id text not null,
    experiment bigint not null,
    name text not null,
    model_type text not null,
    source_run text not null,
    status text not null,
    status_message text not null,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint,
    primary key (tenant, id)
  )`,
  "create index logged_models_by_created_at on logged_models (tenant, experiment, created_at)",
  `create table logged_model_tags (${entry("model")}
  )`,
  `create table logged_model_params (${entry("model")}
  )`,
  `create table logged_model_metrics (
    tenant text not null,
    model text not null,
    run text not null,
    key text not null,
    step bigint not null,
    at bigint not null,
    value double precision not null,
    is_nan bigint not null,
    dataset_name text not null,
    dataset_digest text not null,
    primary key (tenant, model, key, run, dataset_name, dataset_digest, step, at, value, is_nan)
  )`,
  `create table artifacts (
    tenant text not null,
    path text not null,
    sha256 text not null,
    size bigint not null,
    at bigint not null,
    primary key (tenant, path)
  )`,
  "create index artifacts_by_sha256 on artifacts (tenant, sha256)",
  `create table archived_versions (
    tenant text not null,
    model text not null,
    version bigint not null,
    at bigint not null,
    primary key (tenant, model, version)
  )`,
];

/** Tables of MLflow's API; rows of metrics lie in the order in which histories are read. */
export const mlflowTables: Migration = {
  name: "0002-mlflow",
  sql: {
    sqlite: tables.map((statement) => {
      const own = statement.replaceAll("bigint", "integer");
      return /^create table \w*metrics /.test(own) ? `${own} without rowid` : own;
    }),
    postgres: tables.map((statement) => statement.replaceAll(/ text\b/g, ' text collate "C"')),
  },
};
