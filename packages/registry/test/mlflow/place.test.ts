import fc from "fast-check";
import { expect, test } from "vitest";
import { RegistryError } from "../../src/errors.ts";
import { keyOf, placeOf, sourceOf } from "../../src/mlflow/artifacts/place.ts";

const parts = fc.constantFrom(
  ..."1 models versions artifacts m-0123456789abcdef0123456789abcdef run-1 digits 2 .. . / // \\ % %2e %2f # ? : \u0000 \u202e é ＂ mlflow-artifacts:/ runs:/ models:/ file:// a.txt".split(
    " ",
  ),
);
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 100 }),
  fc.array(parts, { maxLength: 12 }).map((each) => each.join("/")),
  fc.array(parts, { maxLength: 12 }).map((each) => each.join("")),
);

test("a path of any characters is a place of its owner or refused, never one outside", () => {
  fc.assert(
    fc.property(text, (given) => {
      const place = answered(() => placeOf(given));
      if (place === undefined) return;
      const key = place.type === "version" ? place.path : keyOf(place);
      expect(key.split("/").some((part) => part === ".." || part === ".")).toBe(false);
      expect(key).not.toMatch(/[\\%#?:]|\p{Cc}/u);
      if (place.type !== "version") expect(key).toMatch(/^\d+\/(models\/)?[\w-]+\/artifacts(\/|$)/);
    }),
    { numRuns: 2000 },
  );
});

test("a source of any characters is something of this registry, or refused", () => {
  fc.assert(
    fc.property(text, (given) => {
      const source = answered(() => sourceOf(given));
      if (source !== undefined) expect(["place", "logged-model", "run", "copy"]).toContain(source.type);
    }),
    { numRuns: 2000 },
  );
});

test("reads what clients send", () => {
  expect(placeOf("1/run-1/artifacts/a/b.txt")).toEqual({ type: "run", experiment: 1, owner: "run-1", path: "a/b.txt" });
  expect(placeOf("1/run-1/artifacts/.")).toEqual({ type: "run", experiment: 1, owner: "run-1", path: "" });
  expect(placeOf("1/models/m-1/artifacts/MLmodel")).toEqual({
    type: "model",
    experiment: 1,
    owner: "m-1",
    path: "MLmodel",
  });
  expect(placeOf("versions/my model/3/MLmodel")).toEqual({
    type: "version",
    model: "my model",
    version: 3,
    path: "MLmodel",
  });
  expect(sourceOf("models:/my model/3")).toEqual({ type: "copy", model: "my model", version: 3 });
  expect(sourceOf("runs:/run-1/model")).toEqual({ type: "run", run: "run-1", path: "model" });
  expect(sourceOf("mlflow-artifacts:/1/run-1/artifacts/model")).toEqual({
    type: "place",
    place: { type: "run", experiment: 1, owner: "run-1", path: "model" },
  });
});

/** The answer, or undefined for a refusal; anything else thrown is a fault. */
function answered<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    expect(error).toBeInstanceOf(RegistryError);
    expect((error as RegistryError).code).toBe("INVALID");
    return undefined;
  }
}
