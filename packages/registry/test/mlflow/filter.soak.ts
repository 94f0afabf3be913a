import fc from "fast-check";
import { expect, test } from "vitest";
import { RegistryError } from "../../src/errors.ts";
import { placeOf, sourceOf } from "../../src/mlflow/artifacts/place.ts";
import { parseFilter } from "../../src/mlflow/search/filter.ts";
import { parseOrderBy } from "../../src/mlflow/search/order-by.ts";
import { offsetOf } from "../../src/mlflow/search/page.ts";
import { loggedModelSearch, runSearch, versionSearch } from "../../src/mlflow/search/searches.ts";

const pieces = fc.constantFrom(
  ..."metrics.a params. tags.`x` \" ' ` ( ) , = != < >= LIKE ilike IN NOT and AND 1 -2.5e3 'v' \"w\" run_id . .. % / models:/ m-0 \u0000 é 🐘".split(
    " ",
  ),
);
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 500 }),
  fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join(" ")),
  fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join("")),
);

test("every reader of a client's words answers or refuses, whatever the words are", () => {
  fc.assert(
    fc.property(text, (each) => {
      for (const read of [
        ...[runSearch, versionSearch, loggedModelSearch].map((grammar) => () => parseFilter(each, grammar)),
        () => parseOrderBy([each], runSearch),
        () => offsetOf(each),
        () => placeOf(each),
        () => sourceOf(each),
      ])
        try {
          read();
        } catch (error) {
          expect(error).toBeInstanceOf(RegistryError);
        }
    }),
    { numRuns: 200_000 },
  );
});
