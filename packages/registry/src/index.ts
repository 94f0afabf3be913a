export { type Action, actions, type Role, roles } from "./access/actions.ts";
export { openPolicies, type Policies } from "./access/policies.ts";
export { covers, modelsFor, type Principal, type Resource, type RoleGrant } from "./access/principal.ts";
export { RegistryError, type RegistryErrorCode, statusOf } from "./errors.ts";
export { type Change, change, type EventFields } from "./events/change.ts";
export { type EventLog, openEventLog } from "./events/event-log.ts";
export { type AppOptions, authorize, createApp, type ErrorShape } from "./http/app.ts";
export { type Authenticate, anonymous, type Credentials } from "./http/authenticate.ts";
export { type Access, type Call, type Reply, type Route, type RouteSchema, route } from "./http/route.ts";
export { aliasHistory, resolveAlias, setAlias } from "./models/aliases.ts";
export { checkPath, type ManifestFile, manifestOf, rootDigestOf } from "./models/manifest.ts";
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
export {
  createVersion,
  describeVersion,
  findVersion,
  getVersion,
  listVersions,
  type Material,
  moveVersion,
  type NewVersion,
  tagVersion,
  type VersionRow,
  type VersionView,
} from "./models/versions.ts";
export type { Registry } from "./registry.ts";
export { registryTables } from "./tables/0001-registry.ts";
export type { PromotionState, Tables, VersionState } from "./tables/tables.ts";
