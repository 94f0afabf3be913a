import type { Change } from "../../events/change.ts";

/** A tag or a parameter; without a value it is taken away. */
export interface Entry {
  readonly key: string;
  readonly value?: string | undefined;
}

type Owners = {
  experiment_tags: { readonly tenant: string; readonly experiment: number };
  run_tags: { readonly tenant: string; readonly run: string };
  params: { readonly tenant: string; readonly run: string };
  logged_model_tags: { readonly tenant: string; readonly model: string };
  logged_model_params: { readonly tenant: string; readonly model: string };
};

/** Sets entries of something, the last where a key comes twice, and takes away those without a value. */
export async function setEntries<T extends keyof Owners>(
  rows: Change["rows"],
  table: T,
  owner: Owners[T],
  entries: readonly Entry[],
): Promise<void> {
  const last = new Map(entries.map(({ key, value }) => [key, value]));
  if (last.size === 0) return;
  let removal = rows.deleteFrom(table as "run_tags").where("key", "in", [...last.keys()]);
  for (const [column, value] of Object.entries(owner)) removal = removal.where(column as "run", "=", value as string);
  await removal.execute();
  const values = [...last]
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ({ ...owner, key, value: value! }));
  if (values.length > 0)
    await rows
      .insertInto(table as "run_tags")
      .values(values as never)
      .execute();
}
