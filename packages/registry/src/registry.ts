import type { Signer } from "@casemate/evidence";
import type { Store } from "@casemate/store";
import type { Policies } from "./access/policies.ts";
import type { EventLog } from "./events/event-log.ts";
import type { Tables } from "./tables/tables.ts";

/** What every operation of the registry works on. */
export interface Registry {
  readonly store: Store<Tables>;
  readonly policies: Policies;
  readonly log: EventLog;
  /** The key that the registry itself signs with in an environment of a tenant; each has its own. */
  readonly signerFor: (tenant: string, environment: string) => Promise<Signer>;
  /** Says what files hide: the folder is scanned, nothing in it is loaded. */
  readonly scan: (folder: string) => Promise<ScanOutcome>;
  /** A folder for files of the moment, which only this user can read; emptied at each start. */
  readonly scratch: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Bytes that nobody can guess. */
  readonly randomBytes: (count: number) => Buffer;
}

/** What a scan found, as far as a version's state and its attestation need it. */
export interface ScanOutcome {
  readonly verdict: "clean" | "suspicious" | "unscannable" | "malicious";
  readonly findings: readonly { readonly rule: string; readonly severity: string; readonly count: number }[];
  /** The worst finding, in words. */
  readonly worst?: string;
  readonly tool: { readonly name: string; readonly version: string };
  readonly startedAt: string;
  readonly finishedAt: string;
}
