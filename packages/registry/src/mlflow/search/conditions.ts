import type { Dialect } from "@casemate/store";
import { type RawBuilder, type SqlBool, sql } from "kysely";
import type { Clause, Entity, Grammar } from "./filter.ts";
import type { Ordering } from "./order-by.ts";

/** A table of keys and values that belong to a row of the one that is searched. */
export interface Entries {
  /** The table, which is called `t`, and when its row belongs to the one that is searched. */
  readonly from: RawBuilder<unknown>;
  /** The column of values; by key, for tables whose columns are the keys. */
  readonly value: RawBuilder<unknown> | Readonly<Record<string, RawBuilder<unknown>>>;
  /** Where the table is found by key: what rows of it belong to, there and in the one that is searched. */
  readonly byKey?: {
    readonly table: string;
    readonly owner: RawBuilder<unknown>;
    readonly searched: RawBuilder<unknown>;
  };
  /** Keys whose absence is as good as 'false'. */
  readonly falseUnlessSet?: readonly string[];
}

/** How what a filter names is found in tables. */
export interface Searched extends Grammar {
  readonly columns: Readonly<Record<string, RawBuilder<unknown>>>;
  readonly entries: Readonly<Partial<Record<Entity, Entries>>>;
}

/** What a row must fulfil for a clause. */
export function conditionOf(
  clause: Clause,
  searched: Searched,
  { dialect, tenant }: { readonly dialect: Dialect; readonly tenant: string },
): RawBuilder<SqlBool> {
  const { entity, key, operator, value } = clause;
  if (entity === "attribute") return compare(searched.columns[key]!, clause, dialect);
  const { from, value: column, byKey, falseUnlessSet = [] } = searched.entries[entity]!;
  if (entity === "dataset")
    return sql`exists (select 1 ${from} and ${compare((column as Record<string, RawBuilder<unknown>>)[key]!, clause, dialect)})`;
  const fits = sql`t.key = ${key} and ${compare(column as RawBuilder<unknown>, clause, dialect)}`;
  const matches =
    byKey === undefined
      ? sql<SqlBool>`exists (select 1 ${from} and ${fits})`
      : sql<SqlBool>`${byKey.searched} in (select ${byKey.owner} from ${sql.table(byKey.table)} as t where t.tenant = ${tenant} and ${fits})`;
  const isFalse = (operator === "!=" && value === "true") || (operator === "=" && value === "false");
  return falseUnlessSet.includes(key) && isFalse
    ? sql`(${matches} or not exists (select 1 ${from} and t.key = ${key}))`
    : matches;
}

function compare(column: RawBuilder<unknown>, { operator, value }: Clause, dialect: Dialect): RawBuilder<SqlBool> {
  switch (operator) {
    case "LIKE":
      // SQLite's LIKE is blind to case, its GLOB is not
      return dialect === "sqlite"
        ? sql`${column} glob ${globOf(String(value))}`
        : sql`${column} like ${value} escape ''`;
    case "ILIKE":
      return dialect === "sqlite" ? sql`${column} like ${value}` : sql`${column} ilike ${value} escape ''`;
    case "IN":
      return sql`${column} in (${sql.join(value as readonly string[])})`;
    case "NOT IN":
      return sql`${column} not in (${sql.join(value as readonly string[])})`;
    default:
      return sql`${column} ${sql.raw(operator)} ${value}`;
  }
}

/** The GLOB pattern that means what a LIKE pattern does. */
function globOf(pattern: string): string {
  return pattern.replaceAll(/[*?[%_]/g, (sign) => (sign === "%" ? "*" : sign === "_" ? "?" : `[${sign}]`));
}

/** Order of a list: rows that have no such value come last, after those whose value is no number, either way. */
export function orderOf({ entity, key, ascending }: Ordering, searched: Searched): readonly RawBuilder<unknown>[] {
  const direction = sql.raw(ascending ? "asc" : "desc");
  if (entity === "attribute") {
    const column = searched.columns[key]!;
    return [sql`case when ${column} is null then 1 else 0 end`, sql`${column} ${direction}`];
  }
  const { from, value } = searched.entries[entity]!;
  const column = "toOperationNode" in value ? (value as RawBuilder<unknown>) : value[key]!;
  const isKeyed = column === value ? sql`and t.key = ${key}` : sql``;
  const each = sql`(select ${column} ${from} ${isKeyed} limit 1)`;
  const rank = sql`case when ${each} is not null then 0 when exists (select 1 ${from} ${isKeyed}) then 1 else 2 end`;
  return [rank, sql`${each} ${direction}`];
}
