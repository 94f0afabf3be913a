import { sql } from "kysely";
import type { Searched } from "./conditions.ts";

const value = sql.ref("t.value");
/** NaN is no number to compare with. */
const number = sql`(case when t.is_nan = 1 then null else t.value end)`;

/** What runs can be searched by; the table is called `r`. */
export const runSearch: Searched = {
  attributes: {
    run_id: "string",
    run_name: "string",
    status: "string",
    artifact_uri: "string",
    user_id: "string",
    start_time: "number",
    end_time: "number",
  },
  aliases: {
    created: "start_time",
    Created: "start_time",
    "run name": "run_name",
    "Run name": "run_name",
    "Run Name": "run_name",
  },
  entities: ["metric", "param", "tag", "attribute", "dataset"],
  lists: ["run_id", "run_name", "status", "artifact_uri", "user_id"],
  columns: {
    run_id: sql.ref("r.id"),
    run_name: sql.ref("r.name"),
    status: sql.ref("r.status"),
    artifact_uri: sql`('mlflow-artifacts:/' || r.experiment || '/' || r.id || '/artifacts')`,
    user_id: sql.ref("r.user_id"),
    start_time: sql.ref("r.start_time"),
    end_time: sql.ref("r.end_time"),
  },
  entries: {
    metric: { from: sql`from latest_metrics as t where t.tenant = r.tenant and t.run = r.id`, value: number },
    param: { from: sql`from params as t where t.tenant = r.tenant and t.run = r.id`, value },
    tag: { from: sql`from run_tags as t where t.tenant = r.tenant and t.run = r.id`, value },
    dataset: {
      from: sql`from run_inputs as t where t.tenant = r.tenant and t.run = r.id`,
      value: { name: sql.ref("t.name"), digest: sql.ref("t.digest"), context: sql.ref("t.context") },
    },
  },
};

/** What experiments can be searched by; the table is called `e`. */
export const experimentSearch: Searched = {
  attributes: { name: "string", creation_time: "number", last_update_time: "number", experiment_id: "number" },
  entities: ["attribute", "tag"],
  lists: [],
  columns: {
    name: sql.ref("e.name"),
    creation_time: sql.ref("e.created_at"),
    last_update_time: sql.ref("e.updated_at"),
    experiment_id: sql.ref("e.id"),
  },
  entries: {
    tag: { from: sql`from experiment_tags as t where t.tenant = e.tenant and t.experiment = e.id`, value },
  },
};

/** MLflow's prompts are models that carry this tag; a model without it is none. */
const falseUnlessSet = ["mlflow.prompt.is_prompt"];

/** What registered models can be searched by; the table is called `m`. */
export const modelSearch: Searched = {
  attributes: { name: "string", creation_timestamp: "number", last_updated_timestamp: "number" },
  aliases: { timestamp: "last_updated_timestamp" },
  entities: ["attribute", "tag"],
  lists: [],
  columns: {
    name: sql.ref("m.name"),
    creation_timestamp: sql.ref("m.created_at"),
    last_updated_timestamp: sql.ref("m.updated_at"),
  },
  entries: {
    tag: {
      from: sql`from model_tags as t where t.tenant = m.tenant and t.model = m.name`,
      value,
      falseUnlessSet,
      byKey: { table: "model_tags", owner: sql.ref("t.model"), searched: sql.ref("m.name") },
    },
  },
};

/** What versions can be searched by; the table is called `v`. */
export const versionSearch: Searched = {
  attributes: {
    name: "string",
    version_number: "number",
    run_id: "string",
    source_path: "string",
    creation_timestamp: "number",
    last_updated_timestamp: "number",
  },
  aliases: { version: "version_number" },
  entities: ["attribute", "tag"],
  lists: ["run_id"],
  columns: {
    name: sql.ref("v.model"),
    version_number: sql.ref("v.version"),
    run_id: sql.ref("v.run_id"),
    source_path: sql.ref("v.source"),
    creation_timestamp: sql.ref("v.created_at"),
    last_updated_timestamp: sql.ref("v.updated_at"),
  },
  entries: {
    tag: {
      from: sql`from version_tags as t where t.tenant = v.tenant and t.model = v.model and t.version = v.version`,
      value,
      falseUnlessSet,
      byKey: { table: "version_tags", owner: sql`t.model, t.version`, searched: sql`(v.model, v.version)` },
    },
  },
};

/** What logged models can be searched by; the table is called `l`. */
export const loggedModelSearch: Searched = {
  attributes: {
    name: "string",
    model_id: "string",
    model_type: "string",
    status: "string",
    source_run_id: "string",
    creation_timestamp: "number",
    last_updated_timestamp: "number",
  },
  aliases: { creation_time: "creation_timestamp", last_updated_time: "last_updated_timestamp" },
  entities: ["attribute", "metric", "param", "tag"],
  lists: ["name", "model_id", "model_type", "status", "source_run_id"],
  columns: {
    name: sql.ref("l.name"),
    model_id: sql.ref("l.id"),
    model_type: sql.ref("l.model_type"),
    status: sql.ref("l.status"),
    source_run_id: sql.ref("l.source_run"),
    creation_timestamp: sql.ref("l.created_at"),
    last_updated_timestamp: sql.ref("l.updated_at"),
  },
  entries: {
    metric: { from: sql`from logged_model_metrics as t where t.tenant = l.tenant and t.model = l.id`, value: number },
    param: { from: sql`from logged_model_params as t where t.tenant = l.tenant and t.model = l.id`, value },
    tag: { from: sql`from logged_model_tags as t where t.tenant = l.tenant and t.model = l.id`, value },
  },
};
