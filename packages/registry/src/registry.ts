import type { Store } from "@casemate/store";
import type { Policies } from "./access/policies.ts";
import type { EventLog } from "./events/event-log.ts";
import type { Tables } from "./tables/tables.ts";

/** What every operation of the registry works on. */
export interface Registry {
  readonly store: Store<Tables>;
  readonly policies: Policies;
  readonly log: EventLog;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Bytes that nobody can guess. */
  readonly randomBytes: (count: number) => Buffer;
}
