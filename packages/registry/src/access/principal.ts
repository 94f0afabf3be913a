import { type Action, actions, type Role } from "./actions.ts";

/** The tenant that the first start makes. Its administrators make the others, and see nothing of them. */
export const firstTenant = "default";

/** A role, where it holds: models by name or the beginning of one before `*`, environments by name or `*`. */
export interface RoleGrant {
  readonly role: Role;
  readonly model: string;
  readonly environment: string;
}

/** Who asks, and how they proved it. */
export interface Principal {
  readonly tenant: string;
  readonly id: string;
  readonly name: string;
  readonly kind: "person" | "service";
  readonly grants: readonly RoleGrant[];
  readonly method: "token" | "session" | "password" | "local";
  /** Id of the token or session, never its secret. */
  readonly credential: string;
  /** What the token is limited to, if it is. */
  readonly scopes?: readonly Action[];
  /** The address that the request came from; "local" for the command on the same machine. */
  readonly address: string;
}

/**
 * What something is done to. `model` and `environment` narrow which grants count; a grant for one model says nothing about
 * what is not about a model, and so for environments.
 */
export interface Resource {
  readonly tenant: string;
  readonly type: "Tenant" | "Model" | "Promotion" | "Experiment";
  readonly id: string;
  readonly model?: string;
  readonly environment?: string;
  /** Who made it: an author does not approve their own. */
  readonly author?: string;
}

/**
 * The roles that a principal has where a resource is. What is about neither model nor environment needs a grant for all of them;
 * what is about a model in no environment yet takes any grant for the model.
 */
export function rolesAt({ grants }: Principal, { model, environment }: Resource): readonly Role[] {
  const matching = grants.filter(
    (grant) =>
      (model === undefined ? grant.model === "*" : covers(grant.model, model)) &&
      (environment === undefined
        ? model !== undefined || grant.environment === "*"
        : covers(grant.environment, environment)),
  );
  return [...new Set(matching.map(({ role }) => role))];
}

/** Patterns of the models for which a principal has one of the roles that an action needs: what a list is filtered by. */
export function modelsFor({ grants, scopes }: Principal, action: Action): readonly string[] {
  if (scopes?.includes(action) === false) return [];
  const allowed: readonly Role[] = actions[action];
  return [...new Set(grants.filter(({ role }) => allowed.includes(role)).map(({ model }) => model))];
}

/** Whether a pattern of a grant covers a name. */
export function covers(pattern: string, name: string): boolean {
  return pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}
