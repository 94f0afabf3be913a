import { modelsFor, type Principal } from "../../access/principal.ts";
import { matching } from "../../models/matching.ts";
import type { Registry } from "../../registry.ts";
import { conditionOf, orderOf } from "../search/conditions.ts";
import { type Clause, parseFilter } from "../search/filter.ts";
import { parseOrderBy } from "../search/order-by.ts";
import { offsetOf, pageOf } from "../search/page.ts";
import { modelSearch, versionSearch } from "../search/searches.ts";
import { describeModels, describeVersions } from "./describe.ts";

interface Asked {
  readonly filter?: string;
  readonly order_by?: readonly string[];
  readonly max_results?: number;
  readonly page_token?: string;
}

/** MLflow's mark of models that are prompts: they are listed only by a filter about it. */
const PROMPT = "mlflow.prompt.is_prompt";
const isNoPrompt: Clause = { entity: "tag", key: PROMPT, operator: "!=", value: "true", position: 0 };

/** One page of the models that somebody may read. */
export async function searchModels(registry: Registry, principal: Principal, asked: Asked) {
  const { filter = "", order_by = [], max_results = 100, page_token } = asked;
  const { rows, dialect } = registry.store;
  const patterns = modelsFor(principal, "model:read");
  const offset = offsetOf(page_token);
  const orderings = parseOrderBy(order_by, modelSearch);
  let query = rows
    .selectFrom("models as m")
    .selectAll("m")
    .where("m.tenant", "=", principal.tenant)
    .where("m.deleted_at", "is", null)
    .where(({ eb, or }) => or(patterns.map((pattern) => matching(eb, "m.name", pattern))));
  const clauses = parseFilter(filter, modelSearch);
  for (const clause of clauses.some(({ key }) => key === PROMPT) ? clauses : [...clauses, isNoPrompt])
    query = query.where(conditionOf(clause, modelSearch, { dialect, tenant: principal.tenant }));
  for (const each of orderings.flatMap((ordering) => orderOf(ordering, modelSearch))) query = query.orderBy(each);
  const found = await query
    .orderBy("m.name")
    .limit(max_results + 1)
    .offset(offset)
    .execute();
  const { page, next } = pageOf(found, max_results, offset);
  return { registered_models: await describeModels(registry, principal.tenant, page), ...next };
}

/** One page of the versions of models that somebody may read. */
export async function searchVersions(registry: Registry, principal: Principal, asked: Asked) {
  const { filter = "", order_by = [], max_results = 10_000, page_token } = asked;
  const { rows, dialect } = registry.store;
  const patterns = modelsFor(principal, "model:read");
  const offset = offsetOf(page_token);
  const orderings = parseOrderBy(order_by, versionSearch);
  let query = rows
    .selectFrom("versions as v")
    .selectAll("v")
    .where("v.tenant", "=", principal.tenant)
    .where("v.state", "!=", "deleted")
    .where(({ eb, or }) => or(patterns.map((pattern) => matching(eb, "v.model", pattern))));
  for (const clause of parseFilter(filter, versionSearch))
    query = query.where(conditionOf(clause, versionSearch, { dialect, tenant: principal.tenant }));
  for (const each of orderings.flatMap((ordering) => orderOf(ordering, versionSearch))) query = query.orderBy(each);
  const found = await query
    .orderBy("v.model")
    .orderBy("v.version", "desc")
    .limit(max_results + 1)
    .offset(offset)
    .execute();
  const { page, next } = pageOf(found, max_results, offset);
  return { model_versions: await describeVersions(registry, principal.tenant, page), ...next };
}
