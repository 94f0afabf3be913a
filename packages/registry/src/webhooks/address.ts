import { lookup as resolve } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import { RegistryError } from "../errors.ts";

/** Networks that no webhook may reach: this host, private, shared, link-local, documentation, multicast and reserved (RFC 6890 and later). */
const closed = { ipv4: new BlockList(), ipv6: new BlockList() };
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["168.63.129.16", 32], // a cloud's agent answers there, on the host itself
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
] as const)
  closed.ipv4.addSubnet(network, prefix, "ipv4");
for (const [network, prefix] of [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
] as const)
  closed.ipv6.addSubnet(network, prefix, "ipv6");
/** All that is given out to anybody so far; mapped, translated, local and multicast addresses lie outside. */
const given = new BlockList();
given.addSubnet("2000::", 3, "ipv6");

/** Whether an address is one that anybody may be sent to. */
export function isPublic(address: string): boolean {
  const version = isIP(address);
  if (version === 6) return given.check(address, "ipv6") && !closed.ipv6.check(address, "ipv6");
  return version === 4 && !closed.ipv4.check(address, "ipv4");
}

/** A webhook's URL. Throws INVALID for anything but https, for user info, and for addresses that are not public. */
export function checkWebhookUrl(text: string, { allowPrivate }: { readonly allowPrivate: boolean }): URL {
  const refuse = (why: string) =>
    new RegistryError("INVALID", `url: ${why}, got ${JSON.stringify(text.slice(0, 200))}`);
  if (!URL.canParse(text)) throw refuse("expected a URL");
  const url = new URL(text);
  if (url.protocol !== "https:" && !(allowPrivate && url.protocol === "http:")) throw refuse("expected https");
  if (url.username !== "" || url.password !== "") throw refuse("expected one without name and password");
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && !allowPrivate && !isPublic(host)) throw refuse("expected a public address");
  return url;
}

/** The one address that a name is connected to: it is looked up once, and checked, so that it cannot change in between. Throws INVALID. */
export async function addressOf(
  host: string,
  { allowPrivate }: { readonly allowPrivate: boolean },
): Promise<{ readonly address: string; readonly family: number }> {
  const found = await resolve(host.replace(/^\[|\]$/g, ""), { all: true });
  const open = found.filter(({ address }) => allowPrivate || isPublic(address));
  if (open.length < found.length || open[0] === undefined)
    throw new RegistryError("INVALID", `${host} leads to an address that is not public`);
  return open[0];
}
