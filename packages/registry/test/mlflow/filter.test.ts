import fc from "fast-check";
import { expect, test } from "vitest";
import { RegistryError } from "../../src/errors.ts";
import { parseFilter } from "../../src/mlflow/search/filter.ts";
import { parseOrderBy } from "../../src/mlflow/search/order-by.ts";
import { offsetOf, pageTokenAt } from "../../src/mlflow/search/page.ts";
import { runSearch } from "../../src/mlflow/search/searches.ts";

test("reads keys in backticks, in quotes and with dots, and says where each comparison begins", () => {
  expect(
    parseFilter("metrics.`a b` >= -1e-3 AND tags.\"c.d\" = 'it''s' and params.e.f ILIKE \"x%\"", runSearch),
  ).toEqual([
    { entity: "metric", key: "a b", operator: ">=", value: -0.001, position: 0 },
    { entity: "tag", key: "c.d", operator: "=", value: "it's", position: 27 },
    { entity: "param", key: "e.f", operator: "ILIKE", value: "x%", position: 52 },
  ]);
});

test("limits the length of a filter, its comparisons, its lists and its patterns", () => {
  const refused = (text: string) => expect(() => parseFilter(text, runSearch)).toThrow(/expected/);
  refused(`tags.a = '${"x".repeat(10_000)}'`);
  refused(Array.from({ length: 101 }, () => "metrics.a < 1").join(" and "));
  refused(`run_id IN (${Array.from({ length: 1001 }, () => "'a'").join(",")})`);
  refused(`tags.a LIKE '${"%".repeat(1001)}'`);
});

test.each(["__proto__.x = 'a'", "constructor = 'x'", "attributes.__proto__ = 'x'", "hasOwnProperty.a = 1"])(
  "takes %s for no name that an object has anyway",
  (text) => expect(() => parseFilter(text, runSearch)).toThrow(RegistryError),
);

const words = fc.constantFrom(
  ..."metrics.a params. tags.`x` \" ' ` ( ) , = != < >= LIKE ilike IN NOT and AND 1 -2.5e3 'v' \"w\" run_id start_time dataset.name . % \u0000 é 🐘".split(
    " ",
  ),
);

test("answers any text with comparisons or a refusal, whatever is in it", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 200 }),
    fc.array(words, { maxLength: 30 }).map((parts) => parts.join(" ")),
  );
  fc.assert(
    fc.property(text, (each) => {
      for (const parse of [
        () => parseFilter(each, runSearch),
        () => parseOrderBy([each], runSearch),
        () => offsetOf(each),
      ])
        try {
          parse();
        } catch (error) {
          expect(error).toBeInstanceOf(RegistryError);
          expect((error as RegistryError).code).toBe("INVALID");
        }
    }),
    { numRuns: 2000 },
  );
});

test("reads back what it can say: every comparison of a metric and a quoted tag", () => {
  const clause = fc.oneof(
    fc.record({
      entity: fc.constant("metric" as const),
      key: fc.string({ minLength: 1, maxLength: 20 }).filter((key) => !key.includes("`")),
      operator: fc.constantFrom("=" as const, "<" as const, ">=" as const),
      value: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
    }),
    fc.record({
      entity: fc.constant("tag" as const),
      key: fc.string({ minLength: 1, maxLength: 20 }).filter((key) => !key.includes("`")),
      operator: fc.constantFrom("=" as const, "!=" as const, "LIKE" as const),
      value: fc.string({ maxLength: 20 }),
    }),
  );
  fc.assert(
    fc.property(fc.array(clause, { minLength: 1, maxLength: 5 }), (clauses) => {
      const text = clauses
        .map(({ entity, key, operator, value }) => {
          const said = typeof value === "number" ? String(value) : `'${value.replaceAll("'", "''")}'`;
          return `${entity}.\`${key}\` ${operator} ${said}`;
        })
        .join(" AND ");
      expect(parseFilter(text, runSearch).map(({ position, ...rest }) => rest)).toEqual(clauses);
    }),
    { numRuns: 500 },
  );
});

test("a page token says where the next page begins", () => {
  expect(offsetOf(pageTokenAt(1234))).toBe(1234);
  expect(offsetOf("")).toBe(0);
});
