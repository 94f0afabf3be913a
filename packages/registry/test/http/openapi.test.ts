import { readFile } from "node:fs/promises";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { routesOf } from "../../src/server.ts";
import { ask, openTestServer, type TestServer } from "../open-server.ts";

interface Operation {
  readonly security?: readonly unknown[];
  readonly responses: Readonly<Record<string, unknown>>;
}

let server: TestServer;
let description: { readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>> };

beforeAll(async () => {
  server = await openTestServer();
  description = (await ask(server.url, "", "GET", "/api/v1/openapi.json")).body;
});

afterAll(async () => {
  await server.close();
});

test("the description is what the OpenAPI Initiative's schema for 3.1 asks for", async () => {
  const text = await readFile(new URL("../vectors/openapi-3.1.json", import.meta.url), "utf8");
  // the one dynamic anchor, which Ajv does not find, is that of schemas
  const schema = JSON.parse(text.replaceAll('"$dynamicRef": "#meta"', '"$ref": "#/$defs/schema"'));
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
  expect(validate(description), JSON.stringify(validate.errors?.slice(0, 5))).toBe(true);
  const { info, ...without } = description as unknown as Record<string, unknown>;
  expect(validate(without)).toBe(false);
  expect(validate({ ...description, openapi: "3.0.0" })).toBe(false);
});

test("every schema in it is one of JSON Schema 2020-12", () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  const schemas: unknown[] = [];
  const collect = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [key, each] of Object.entries(value))
      if (key === "schema") schemas.push(each);
      else collect(each);
  };
  collect(description.paths);
  expect(schemas.length).toBeGreaterThan(200);
  for (const schema of schemas) expect(ajv.validateSchema(schema as object), JSON.stringify(schema)).toBe(true);
});

test("it says which routes need no token, and how ours refuse", () => {
  for (const { method, path, access, schema } of routesOf({ wake: () => undefined })) {
    const documented = path.replaceAll(/:(\w+)/g, "{$1}").replace("*", "{*}");
    const operation = description.paths[documented]?.[method.toLowerCase()];
    expect(operation, `${method} ${documented}`).toBeDefined();
    expect(operation!.security?.length === 0, `${method} ${path}`).toBe(access.type === "public");
    if (path.startsWith("/api/v1/") && schema.answer !== undefined)
      expect(operation!.responses["4XX"], path).toMatchObject({ content: { "application/problem+json": {} } });
  }
});
