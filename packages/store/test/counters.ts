import type { Migration } from "../src/index.ts";

/** Tables that tests of rows are made with. */
export interface Tables {
  counters: { name: string; value: number };
}

const statement = "create table counters (name text primary key, value bigint not null)";

export const migrations: readonly Migration[] = [
  { name: "0001-counters", sql: { sqlite: [statement], postgres: [statement] } },
];
