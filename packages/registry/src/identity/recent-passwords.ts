import { createHmac } from "node:crypto";
import { keyOf } from "../models/names.ts";
import type { Registry } from "../registry.ts";
import { refuseWhileSlowed } from "./attempts.ts";
import { checkPassword, type Guessed } from "./sign-in.ts";
import { findUserByName, type UserRow } from "./users.ts";

/**
 * Checks passwords that come with every request, as MLflow's clients send them. One that was right a short while ago is not derived again
 * as long as the account is as it was; the same one many times at once is derived once.
 */
export interface RecentPasswords {
  /** Throws what `checkPassword` throws. */
  check(registry: Registry, guess: Guessed): Promise<UserRow>;
}

const LIFETIME = 5 * 60 * 1000;
const MOST = 1000;

/** `key` is this process's own, so that what is held here is of no use elsewhere. */
export function rememberPasswords(key: Buffer): RecentPasswords {
  const right = new Map<string, { readonly kept: string; readonly until: number }>();
  const running = new Map<string, Promise<UserRow>>();

  async function derive(registry: Registry, guess: Guessed, digest: string): Promise<UserRow> {
    const user = await checkPassword(registry, guess);
    right.delete(digest);
    const [oldest] = right.keys();
    if (right.size >= MOST && oldest !== undefined) right.delete(oldest);
    right.set(digest, { kept: user.password!, until: registry.now() + LIFETIME });
    return user;
  }

  return {
    async check(registry, guess) {
      const { tenant, name, password, address } = guess;
      const digest = createHmac("sha256", key)
        .update(JSON.stringify([tenant, keyOf(name), password]))
        .digest("base64");
      const known = right.get(digest);
      if (known !== undefined && known.until > registry.now()) {
        await refuseWhileSlowed(registry, { tenant, name, address });
        const user = await findUserByName(registry, tenant, name);
        if (user?.password === known.kept && user.disabled_at === null) return user;
      }
      const checking = running.get(digest) ?? derive(registry, guess, digest).finally(() => running.delete(digest));
      running.set(digest, checking);
      return await checking;
    },
  };
}
