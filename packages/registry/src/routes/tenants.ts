import Type from "typebox";
import type { Call } from "../http/route.ts";
import { type Route, route } from "../http/route.ts";
import { createTenant, listTenants } from "../tenants/tenants.ts";

const strict = { additionalProperties: false } as const;
const Name = Type.String({ minLength: 1, maxLength: 100, description: "Small letters, digits and -." });
const manage = {
  type: "action",
  action: "tenant:manage",
  resource: ({ principal: { tenant } }: Pick<Call, "principal">) => ({ tenant, type: "Tenant", id: tenant }) as const,
} as const;

/** Only for administrators of the tenant that the first start makes: access policies forbid it to all others. */
export const tenantRoutes: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/v1/tenants",
    summary: "Tenants by name",
    access: manage,
    schema: { answer: Type.Object({ items: Type.Array(Type.Object({ name: Type.String() })) }) },
    handle: async ({ registry }) => ({ body: { items: (await listTenants(registry)).map((name) => ({ name })) } }),
  }),
  route({
    method: "POST",
    path: "/api/v1/tenants",
    summary: "Make a tenant with environments, keys, storage and an administrator of its own",
    access: manage,
    hasSecret: true,
    schema: {
      body: Type.Object({ name: Name }, strict),
      answer: Type.Object({
        name: Type.String(),
        administrator: Type.Object({
          name: Type.String(),
          password: Type.String({ description: "For one use; shown this once." }),
        }),
      }),
    },
    handle: async ({ registry, principal, body: { name } }) => ({
      status: 201,
      body: { name, administrator: await createTenant(registry, principal, name) },
    }),
  }),
];
