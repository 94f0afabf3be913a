import { createHash } from "node:crypto";
import * as cedar from "@cedar-policy/cedar-wasm/nodejs";
import { RegistryError } from "../errors.ts";
import { type Action, actionNames, actions, type Role, roles } from "./actions.ts";
import { firstTenant, type Principal, type Resource, rolesAt } from "./principal.ts";

/** Whether something may be done, by which policies, and the digest of all of them. */
export interface Decision {
  readonly isAllowed: boolean;
  readonly policies: readonly string[];
  readonly policyDigest: string;
}

/** Decides by Cedar (https://www.cedarpolicy.com): what no policy permits is denied, and one that forbids outweighs all that permit. */
export interface Policies {
  readonly digest: string;
  readonly text: string;
  decide(principal: Principal, action: Action, resource: Resource): Decision;
}

/**
 * The policies that come with the registry, and `additional` ones in Cedar's language. All are checked against the schema before
 * anything is served: throws INVALID with the places of all faults.
 */
export function openPolicies(additional = ""): Policies {
  const staticPolicies = { ...builtIn, ...partsOf(additional) };
  const text = Object.values(staticPolicies).join("\n");
  const digest = createHash("sha256").update(schema).update(text).digest("hex");
  const faults = faultsOf(staticPolicies);
  if (faults.length > 0) throw new RegistryError("INVALID", `the access policies are not valid:\n${faults.join("\n")}`);
  const recent = new Map<string, Decision>();
  cedar.preparseSchema(digest, schema);
  cedar.preparsePolicySet(digest, { staticPolicies });
  return {
    digest,
    text,
    decide(principal, action, resource) {
      if (principal.scopes?.includes(action) === false)
        return { isAllowed: false, policies: ["token-scope"], policyDigest: digest };
      const request = requestOf(principal, action, resource);
      const key = JSON.stringify(request);
      const known = recent.get(key);
      if (known !== undefined) return known;
      const answer = cedar.statefulIsAuthorized({
        ...request,
        preparsedSchemaName: digest,
        preparsedPolicySetId: digest,
        validateRequest: false, // it is built here, by the schema
      });
      if (answer.type === "failure")
        throw new RegistryError(
          "FORBIDDEN",
          `no decision about ${action}: ${answer.errors.map(({ message }) => message).join("; ")}`,
        );
      const { decision, diagnostics } = answer.response;
      // Cedar leaves out a policy that fails while it is evaluated; it may have been one that forbids
      const failing = diagnostics.errors.map(({ policyId }) => policyId);
      const isAllowed = decision === "allow" && failing.length === 0;
      const decided = { isAllowed, policies: failing.length > 0 ? failing : diagnostics.reason, policyDigest: digest };
      if (recent.size >= REMEMBERED) recent.clear();
      recent.set(key, decided);
      return decided;
    },
  };
}

/** Decisions that are kept: they depend on nothing but the request and the policies, and Cedar takes some 0.2 ms for one. */
const REMEMBERED = 10_000;

const resourceTypes: readonly Resource["type"][] = ["Tenant", "Model", "Promotion", "Experiment"];

const schema = `
entity Role;
entity User in [Role] { tenant: String, id: String, kind: String };
entity ${resourceTypes.join(", ")} { tenant: String, id: String, model: String, environment: String, author: String };
${actionNames
  .map(
    (name) => `action "${name}" appliesTo {
  principal: [User], resource: [${resourceTypes.join(", ")}], context: { method: String, address: String }
};`,
  )
  .join("\n")}
`;

/** Policies by the names that decisions give. */
const builtIn: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    roles.map((role) => {
      const allowed = actionNames.filter((name) => (actions[name] as readonly Role[]).includes(role));
      return [
        role,
        `permit(principal in Role::"${role}", action in [${allowed.map((name) => `Action::"${name}"`).join(", ")}], resource);`,
      ];
    }),
  ),
  "tenants-are-apart": "forbid(principal, action, resource) unless { principal.tenant == resource.tenant };",
  "the-first-tenant-makes-others": `forbid(principal, action == Action::"tenant:manage", resource)
    unless { principal.tenant == "${firstTenant}" };`,
  "authors-do-not-approve": `forbid(principal, action == Action::"promotion:approve", resource)
    when { resource.author == principal.id };`,
  "people-approve": `forbid(principal, action == Action::"promotion:approve", resource) when { principal.kind != "person" };`,
};

/** The policies in a text, by their `@id` or their number. Throws INVALID. */
function partsOf(text: string): Readonly<Record<string, string>> {
  const parts = cedar.policySetTextToParts(text);
  if (parts.type === "failure")
    throw new RegistryError(
      "INVALID",
      `the access policies are not valid: ${parts.errors.map((error) => `${placeOf(error, text)}${error.message}`).join("; ")}`,
    );
  if (parts.policy_templates.length > 0)
    throw new RegistryError(
      "INVALID",
      "the access policies are not valid: expected policies, got a template with a slot",
    );
  const named = parts.policies.map(
    (policy, index) => [/@id\("([^"]+)"\)/.exec(policy)?.[1] ?? `additional-${index + 1}`, policy] as const,
  );
  const taken = named.find(
    ([name], index) => Object.hasOwn(builtIn, name) || named.findIndex(([other]) => other === name) < index,
  );
  if (taken !== undefined) throw new RegistryError("INVALID", `the access policy ${taken[0]} is there already`);
  return Object.fromEntries(named);
}

function faultsOf(staticPolicies: Readonly<Record<string, string>>): readonly string[] {
  const answer = cedar.validate({ schema, policies: { staticPolicies } });
  return answer.type === "failure"
    ? answer.errors.map(({ message }) => message)
    : answer.validationErrors.map(
        ({ policyId, error }) => `${policyId}: ${placeOf(error, staticPolicies[policyId] ?? "")}${error.message}`,
      );
}

/** Where in a text an error is, as "line 2, column 7: ", or nothing. Cedar counts bytes. */
function placeOf({ sourceLocations }: cedar.DetailedError, text: string): string {
  const [first] = sourceLocations ?? [];
  if (first === undefined) return "";
  const lines = Buffer.from(text).subarray(0, first.start).toString("utf8").split("\n");
  return `line ${lines.length}, column ${lines.at(-1)!.length + 1}: `;
}

function requestOf(principal: Principal, action: Action, resource: Resource) {
  const user = { type: "User", id: principal.id };
  const roles = rolesAt(principal, resource).map((id) => ({ type: "Role", id }));
  const { tenant, type, id, model = "", environment = "", author = "" } = resource;
  const entities: cedar.Entities = [
    { uid: user, attrs: { tenant: principal.tenant, id: principal.id, kind: principal.kind }, parents: roles },
    ...roles.map((uid) => ({ uid, attrs: {}, parents: [] })),
    { uid: { type, id }, attrs: { tenant, id, model, environment, author }, parents: [] },
  ];
  return {
    principal: user,
    action: { type: "Action", id: action },
    resource: { type, id },
    context: { method: principal.method, address: principal.address },
    entities,
  };
}
