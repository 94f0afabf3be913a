import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { RegistryError } from "../errors.ts";

/** What one guess costs: 128 · N · r bytes and their time (RFC 7914; parameters of the OWASP Password Storage Cheat Sheet, 2025). */
const PARAMETERS = { N: 2 ** 17, r: 8, p: 1 } as const;
const PREFIX = `scrypt$${PARAMETERS.N}$${PARAMETERS.r}$${PARAMETERS.p}$`;
const MINIMUM_LENGTH = 12;
const MAXIMUM_LENGTH = 256;

/** A password as it is kept. Throws INVALID for one that is too easy to guess. */
export async function hashPassword(password: string, name: string): Promise<string> {
  const length = [...password].length;
  if (length < MINIMUM_LENGTH || length > MAXIMUM_LENGTH)
    throw new RegistryError(
      "INVALID",
      `password: expected ${MINIMUM_LENGTH} to ${MAXIMUM_LENGTH} characters, got ${length}`,
    );
  if (password.toLowerCase().includes(name.toLowerCase()) || new Set(password).size < 5)
    throw new RegistryError(
      "INVALID",
      "password: expected one without the account's name and with at least 5 different characters",
    );
  return await keepPassword(password);
}

/** `scrypt$N$r$p$salt$hash`, the last two in base64, of a password that is good enough or was once. */
export async function keepPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, PARAMETERS);
  return `${PREFIX}${salt.toString("base64")}$${hash.toString("base64")}`;
}

/** Whether a password was kept with other parameters than those of today. */
export function isKeptOtherwise(kept: string): boolean {
  return !kept.startsWith(PREFIX);
}

/** Whether a password is the one that was kept. Where nothing was kept, it takes as long and is false. */
export async function isPassword(password: string, kept: string | null): Promise<boolean> {
  const [, N, r, p, salt = "", hash = ""] = (kept ?? NOBODY).split("$");
  const expected = Buffer.from(hash, "base64");
  const derived = await derive(password.slice(0, MAXIMUM_LENGTH * 2), Buffer.from(salt, "base64"), {
    N: Number(N),
    r: Number(r),
    p: Number(p),
  });
  return timingSafeEqual(derived, expected) && kept !== null;
}

const NOBODY = `${PREFIX}AAAAAAAAAAAAAAAAAAAAAA==$${Buffer.alloc(32).toString("base64")}`;

function derive(
  password: string,
  salt: Buffer,
  { N, r, p }: { readonly N: number; readonly r: number; readonly p: number },
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize("NFC"), salt, 32, { N, r, p, maxmem: 256 * N * r }, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}
