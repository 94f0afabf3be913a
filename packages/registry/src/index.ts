export { type Action, actions, type Role, roles } from "./access/actions.ts";
export { openPolicies, type Policies } from "./access/policies.ts";
export { covers, modelsFor, type Principal, type Resource, type RoleGrant } from "./access/principal.ts";
export { backUpRegistry, restoreRegistry } from "./backup.ts";
export {
  configureEnvironment,
  createEnvironments,
  type EnvironmentView,
  listEnvironments,
} from "./environments/environments.ts";
export { RegistryError, type RegistryErrorCode, statusOf } from "./errors.ts";
export { type Change, change, type EventFields } from "./events/change.ts";
export { type EventLog, openEventLog } from "./events/event-log.ts";
export { type Admissions, openAdmissions } from "./evidence/admissions.ts";
export { addEvidence, type EvidenceView, listEvidence } from "./evidence/evidence.ts";
export { type AppOptions, authorize, createApp } from "./http/app.ts";
export { type Authenticate, anonymous, type Credentials } from "./http/authenticate.ts";
export type { ErrorShape } from "./http/refuse.ts";
export { type Access, type Call, type Reply, type Route, type RouteSchema, route } from "./http/route.ts";
export { openAuthentication } from "./identity/authenticate.ts";
export { createFirstAdmin, localPrincipal } from "./identity/first-admin.ts";
export { createToken } from "./identity/tokens.ts";
export { createUser, grantRole } from "./identity/users.ts";
export { aliasHistory, resolveAlias, setAlias } from "./models/aliases.ts";
export { checkPath, type ManifestFile, manifestOf } from "./models/manifest.ts";
export {
  createModel,
  deleteModel,
  findModel,
  getModel,
  listModels,
  type ModelRow,
  type ModelView,
  tagModel,
  updateModel,
} from "./models/models.ts";
export { keyOf, nameOf } from "./models/names.ts";
export { findVersion, type VersionRow } from "./models/version-rows.ts";
export { moveVersion } from "./models/version-states.ts";
export {
  createVersion,
  describeVersion,
  getVersion,
  listVersions,
  type Material,
  type NewVersion,
  tagVersion,
  type VersionView,
} from "./models/versions.ts";
export { type OpenRegistry, openRegistry, type RegistryOptions } from "./open-registry.ts";
export {
  getPromotion,
  type PromotionView,
  requestPromotion,
  revokePromotion,
  voteOnPromotion,
} from "./promotions/promotions.ts";
export { type LoadedRelease, loadRelease, releasePromotion, releaseType } from "./promotions/release.ts";
export type { Registry } from "./registry.ts";
export { createServer, type RegistryServer, routesOf, type ServerOptions } from "./server.ts";
export { registryTables } from "./tables/0001-registry.ts";
export type { PromotionState, Tables, VersionState } from "./tables/tables.ts";
