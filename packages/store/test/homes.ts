import { join } from "node:path";
import { inject } from "vitest";
import type { Location } from "../src/index.ts";

/** Where rows can live, for `describe.each`. */
export const homes = ["embedded", "postgres"] as const;
export type Home = (typeof homes)[number];

/** A location with nothing in it; what it keeps in files is in the folder. */
export async function newLocation(home: Home, folder: string): Promise<Location> {
  return home === "embedded"
    ? { folder }
    : { postgres: await createDatabase(), blobs: { folder: join(folder, "blobs") } };
}

/** The URL of a new, empty database on the run's PostgreSQL server. */
export async function createDatabase(): Promise<string> {
  const response = await fetch(inject("databases"));
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text;
}
