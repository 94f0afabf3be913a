import { createHash } from "node:crypto";
import * as cedar from "@cedar-policy/cedar-wasm/nodejs";
import { RegistryError } from "../errors.ts";
import { type Action, actionNames, actions } from "./actions.ts";
import { type Principal, type Resource, rolesAt } from "./principal.ts";

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
  const text = `${builtIn}\n${additional}`;
  const digest = createHash("sha256").update(schema).update(text).digest("hex");
  const faults = faultsOf(text);
  if (faults.length > 0) throw new RegistryError("INVALID", `the access policies are not valid:\n${faults.join("\n")}`);
  cedar.preparseSchema(digest, schema);
  cedar.preparsePolicySet(digest, { staticPolicies: text });
  return {
    digest,
    text,
    decide(principal, action, resource) {
      if (principal.scopes?.includes(action) === false)
        return { isAllowed: false, policies: ["token-scope"], policyDigest: digest };
      const answer = cedar.statefulIsAuthorized({
        ...requestOf(principal, action, resource),
        preparsedSchemaName: digest,
        preparsedPolicySetId: digest,
        validateRequest: true,
      });
      if (answer.type === "failure")
        throw new RegistryError(
          "FORBIDDEN",
          `no decision about ${action}: ${answer.errors.map(({ message }) => message).join("; ")}`,
        );
      const { decision, diagnostics } = answer.response;
      return { isAllowed: decision === "allow", policies: diagnostics.reason, policyDigest: digest };
    },
  };
}

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

const builtIn = `
${actionNames
  .flatMap((name) =>
    actions[name].map(
      (role) => `@id("${role}-${name}")\npermit(principal in Role::"${role}", action == Action::"${name}", resource);`,
    ),
  )
  .join("\n")}
@id("tenants-are-apart")
forbid(principal, action, resource) unless { principal.tenant == resource.tenant };
@id("authors-do-not-approve")
forbid(principal, action == Action::"promotion:approve", resource) when { resource.author == principal.id };
@id("people-approve")
forbid(principal, action == Action::"promotion:approve", resource) when { principal.kind != "person" };
`;

function faultsOf(text: string): readonly string[] {
  const answer = cedar.validate({ schema, policies: { staticPolicies: text } });
  return answer.type === "failure"
    ? answer.errors.map(({ message }) => message)
    : answer.validationErrors.map(({ policyId, error }) => `${policyId}: ${error.message}`);
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
