/** Everything that anybody can do, each with the roles that may. All else is denied. */
export const actions = {
  "model:read": ["viewer", "contributor", "reviewer", "releaser", "auditor", "admin", "service"],
  "model:create": ["contributor", "admin"],
  "model:update": ["contributor", "admin"],
  "model:delete": ["admin"],
  "version:create": ["contributor", "admin"],
  "version:update": ["contributor", "admin"],
  "version:download": ["viewer", "contributor", "reviewer", "releaser", "auditor", "service"],
  "version:load": ["releaser", "service"],
  "version:quarantine": ["reviewer", "releaser", "admin"],
  "version:release-quarantine": ["reviewer"],
  "version:retire": ["contributor", "releaser", "admin"],
  "version:delete": ["admin"],
  "alias:set": ["contributor", "releaser", "admin"],
  "evidence:read": ["viewer", "contributor", "reviewer", "releaser", "auditor", "service"],
  "evidence:add": ["contributor", "reviewer", "releaser", "service"],
  "promotion:read": ["viewer", "contributor", "reviewer", "releaser", "auditor"],
  "promotion:request": ["contributor", "releaser"],
  "promotion:approve": ["reviewer"],
  "promotion:release": ["releaser"],
  "promotion:revoke": ["reviewer", "releaser", "admin"],
  "environment:read": ["viewer", "contributor", "reviewer", "releaser", "auditor", "admin", "service"],
  "environment:configure": ["admin"],
  "experiment:read": ["viewer", "contributor", "reviewer", "releaser", "auditor", "service"],
  "experiment:write": ["contributor", "service"],
  "experiment:delete": ["contributor"],
  "log:read": ["auditor", "admin"],
  "tenant:manage": ["admin"],
  "user:read": ["auditor", "admin"],
  "user:manage": ["admin"],
  "webhook:manage": ["admin"],
} as const satisfies Readonly<Record<string, readonly Role[]>>;

export const roles = ["viewer", "contributor", "reviewer", "releaser", "auditor", "admin", "service"] as const;

export type Role = (typeof roles)[number];
export type Action = keyof typeof actions;

export const actionNames = Object.keys(actions) as readonly Action[];
