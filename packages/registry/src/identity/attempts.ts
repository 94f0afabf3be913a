import { isIPv6 } from "node:net";
import type { Transaction } from "kysely";
import { RegistryError } from "../errors.ts";
import { keyOf } from "../models/names.ts";
import type { Registry } from "../registry.ts";
import type { Tables } from "../tables/tables.ts";
import { hashOf } from "./tokens.ts";

/** Where a guess comes from and what it is about: each is slowed on its own. */
export interface Guess {
  readonly tenant: string;
  readonly name: string;
  readonly address: string;
}

/** A guess that was counted before anybody looks whether it is right, so that many at once are no way around the count. */
export interface Attempt {
  /** It was right: the account starts anew, the address is as it was before. */
  forgive(): Promise<void>;
}

/** Wrong guesses without a wait. Many people may share an address. */
const FREE = { account: 5, address: 50 } as const;
const LONGEST_WAIT = 15 * 60 * 1000;
const FORGOTTEN_AFTER = 24 * 60 * 60 * 1000;

type Rows = Pick<Transaction<Tables>, "selectFrom">;

/** Counts a guess. Throws TOO_MANY_REQUESTS, without counting it, while its account or its address has to wait. */
export async function beginAttempt(registry: Registry, guess: Guess): Promise<Attempt> {
  const { store, now } = registry;
  const keys = keysOf(guess);
  const before = await store.write(async (rows) => {
    const at = now();
    await rows
      .deleteFrom("login_failures")
      .where("last_at", "<", at - FORGOTTEN_AFTER)
      .execute();
    const found = await requireNoWait(rows, keys, at);
    for (const key of keys)
      await rows
        .insertInto("login_failures")
        .values({ key, count: 1, last_at: at })
        .onConflict((conflict) =>
          conflict.column("key").doUpdateSet((set) => ({ count: set("login_failures.count", "+", 1), last_at: at })),
        )
        .execute();
    return found;
  });
  const [account, address] = keys;
  return {
    async forgive() {
      const last_at = before.find(({ key }) => key === address)?.last_at ?? 0;
      await store.write(async (rows) => {
        await rows.deleteFrom("login_failures").where("key", "=", account).execute();
        await rows
          .updateTable("login_failures")
          .set((set) => ({ count: set("count", "-", 1), last_at }))
          .where("key", "=", address)
          .execute();
      });
    },
  };
}

/** Throws TOO_MANY_REQUESTS while a guess would have to wait; counts nothing. */
export async function refuseWhileSlowed({ store, now }: Registry, guess: Guess): Promise<void> {
  await requireNoWait(store.rows, keysOf(guess), now());
}

async function requireNoWait(rows: Rows, keys: readonly string[], now: number) {
  const found = await rows.selectFrom("login_failures").selectAll().where("key", "in", keys).execute();
  const wait = Math.max(0, ...found.map(({ key, count, last_at }) => last_at + waitAfter(key, count) - now));
  if (wait > 0)
    throw new RegistryError("TOO_MANY_REQUESTS", `too many failures; try again in ${Math.ceil(wait / 1000)} s`);
  return found;
}

/** One second after the last free one, and twice as long after each more. */
function waitAfter(key: string, count: number): number {
  const over = count - (key.startsWith("address:") ? FREE.address : FREE.account);
  return over <= 0 ? 0 : Math.min(LONGEST_WAIT, 1000 * 2 ** (over - 1));
}

function keysOf({ tenant, name, address }: Guess): readonly [string, string] {
  return [`account:${hashOf(`${tenant}\n${keyOf(name)}`)}`, `address:${networkOf(address)}`];
}

/** An IPv4 address, or the /64 of an IPv6 address: whoever has one has all of it. */
export function networkOf(address: string): string {
  const plain = address.replace(/%.*$/, "").replace(/^::ffff:(?=\d+\.)/i, "");
  if (!isIPv6(plain)) return plain;
  const [head = "", tail] = new URL(`http://[${plain}]`).hostname.slice(1, -1).split("::");
  const first = head === "" ? [] : head.split(":");
  const last = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? [] : Array<string>(8 - first.length - last.length).fill("0");
  return `${[...first, ...zeros, ...last].slice(0, 4).join(":")}::/64`;
}
