import { type Expression, type ExpressionBuilder, type ReferenceExpression, type SqlBool, sql } from "kysely";

/** A condition on a column by a grant's pattern: a name, or the beginning of one before `*`. */
export function matching<DB, TB extends keyof DB>(
  eb: ExpressionBuilder<DB, TB>,
  column: ReferenceExpression<DB, TB>,
  pattern: string,
): Expression<SqlBool> {
  if (!pattern.endsWith("*")) return eb(column, "=", pattern as never);
  const prefix = pattern.slice(0, -1);
  if (prefix === "") return sql<SqlBool>`1 = 1`;
  // a range instead of LIKE, whose wildcards the name may hold
  return eb.and([eb(column, ">=", prefix as never), eb(column, "<", `${prefix}\u{10ffff}` as never)]);
}
