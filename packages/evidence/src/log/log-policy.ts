import { EvidenceError } from "../errors.ts";
import { assertRootOfEmpty, type Checkpoint, parseCheckpoint } from "./checkpoint.ts";
import { type Cosignature, verifyCosignatures } from "./cosignature.ts";
import { type NoteKey, parseNote, parseNoteKey, readVkey, verifyNote } from "./note.ts";

/** Which logs are believed, and which witnesses must have seen a checkpoint (https://c2sp.org/tlog-policy). */
export interface LogPolicy {
  readonly logs: readonly NoteKey[];
  /** Those whose keys can be verified here. */
  readonly witnesses: readonly NoteKey[];
  /** Where witnesses can be asked, for those that the policy says it of. */
  readonly urls?: readonly { readonly witness: NoteKey; readonly url: string }[];
  /** None where no witness is needed. */
  readonly quorum: Quorum | undefined;
}

/** A witness, or so many of a group. A key of a kind that is not known here never counts. */
export type Quorum =
  | { readonly type: "witness"; readonly name: string; readonly key: NoteKey | undefined }
  | { readonly type: "group"; readonly name: string; readonly needed: number; readonly members: readonly Quorum[] };

export interface WitnessedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly cosignatures: readonly Cosignature[];
}

/** A checkpoint that a log of the policy signed and enough witnesses saw. Throws MALFORMED, INVALID_SIGNATURE, INVALID_PROOF, UNTRUSTED_SIGNER. */
export function verifyWitnessed(note: string, { logs, witnesses, quorum }: LogPolicy): WitnessedCheckpoint {
  const checkpoint = parseCheckpoint(parseNote(note).text);
  const keys = logs.filter(({ name }) => name === checkpoint.origin);
  if (keys.length === 0)
    throw new EvidenceError(
      "UNTRUSTED_SIGNER",
      `checkpoint: expected one of ${logs.map(({ name }) => name).join(" or ")}, got one of ${checkpoint.origin}`,
    );
  verifyNote(note, keys);
  assertRootOfEmpty(checkpoint);
  const cosignatures = verifyCosignatures(note, witnesses);
  if (quorum !== undefined && !isMet(quorum, cosignatures)) {
    const got = cosignatures.map(({ witness }) => witness.name).join(", ") || "none";
    throw new EvidenceError(
      "UNTRUSTED_SIGNER",
      `checkpoint of ${checkpoint.origin}: expected cosignatures by ${sayQuorum(quorum)}, got ${got}`,
    );
  }
  return { checkpoint, cosignatures };
}

/** Reads a policy file. Throws INVALID_POLICY with the line. Keys of kinds that are not known here, such as ML-DSA, never count. */
export function parseLogPolicy(bytes: Uint8Array, where = "log policy"): LogPolicy {
  if (bytes.length > MAXIMUM_BYTES)
    throw new EvidenceError("INVALID_POLICY", `${where}: expected at most ${MAXIMUM_BYTES} bytes, got ${bytes.length}`);
  const lines = Buffer.from(bytes).toString("latin1").split("\n"); // names are octets: UTF-8 would make some of them one
  const utf8Of = (octets: string): string => Buffer.from(octets, "latin1").toString("utf8");
  const logs: NoteKey[] = [];
  const urls: { readonly witness: NoteKey; readonly url: string }[] = [];
  const named = new Map<string, Quorum>();
  const publicKeys = new Set<string>();
  const members = new Set<string>();
  let quorum: { readonly rule: Quorum | undefined } | undefined;
  for (const [index, line] of lines.entries()) {
    const refuse = (why: string) => new EvidenceError("INVALID_POLICY", `${where}: line ${index + 1}: ${why}`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none but tab and newline may be in a policy
    if (/[\x00-\x08\x0b-\x1f\x7f]/.test(line)) throw refuse("a control character");
    const [keyword, ...fields] = line.split(/[ \t]+/).filter((field) => field !== "");
    if (keyword === undefined || keyword.startsWith("#")) continue;
    const readKey = (vkey: string, type: 1 | 4): NoteKey | undefined => {
      const text = utf8Of(vkey);
      try {
        const parts = readVkey(text);
        const publicKey = `${keyword} ${parts.bytes.toString("hex", 1)}`;
        if (publicKeys.has(publicKey)) throw new EvidenceError("INVALID_KEY", "a key that is there already");
        publicKeys.add(publicKey);
        if (parts.bytes[0] !== 1 && parts.bytes[0] !== 4) return undefined;
        const key = parseNoteKey(text);
        if (key.type !== type)
          throw new EvidenceError("INVALID_KEY", `expected a key of type ${type}, got type ${key.type}`);
        return key;
      } catch (cause) {
        throw refuse(cause instanceof Error ? cause.message : String(cause));
      }
    };
    const define = (rule: Quorum): void => {
      if (rule.name === "none" || named.has(rule.name)) throw refuse(`the name ${rule.name} is taken`);
      if (named.size >= MAXIMUM_NAMES) throw refuse(`expected at most ${MAXIMUM_NAMES} witnesses and groups`);
      named.set(rule.name, rule);
    };
    const known = (name: string): Quorum => {
      const rule = named.get(name);
      if (rule === undefined) throw refuse(`${name} is not defined before`);
      return rule;
    };
    switch (keyword) {
      case "log": {
        if (fields.length < 1 || fields.length > 2) throw refuse("expected log <vkey> [<url>]");
        const key = readKey(fields[0]!, 1);
        if (key !== undefined) logs.push(key);
        break;
      }
      case "witness": {
        if (fields.length < 2 || fields.length > 3) throw refuse("expected witness <name> <vkey> [<url>]");
        const [name, vkey, url] = fields as [string, string, string | undefined];
        const key = readKey(vkey, 4);
        define({ type: "witness", name, key });
        if (key !== undefined && url !== undefined) urls.push({ witness: key, url: utf8Of(url) });
        break;
      }
      case "group": {
        const [name, count = "", ...names] = fields;
        const needed = count === "all" ? names.length : count === "any" ? 1 : /^[1-9]\d{0,3}$/.test(count) ? +count : 0;
        if (name === undefined || names.length === 0 || needed < 1 || needed > names.length)
          throw refuse("expected group <name> all|any|<k> <name>…, with k at most the number of names");
        for (const member of names) {
          if (members.has(member)) throw refuse(`${member} is in a group already`);
          members.add(member);
        }
        define({ type: "group", name, needed, members: names.map(known) });
        break;
      }
      case "quorum": {
        if (fields.length !== 1) throw refuse("expected quorum <name>");
        if (quorum !== undefined) throw refuse("there is a quorum already");
        quorum = { rule: fields[0] === "none" ? undefined : known(fields[0]!) };
        break;
      }
      default:
        throw refuse(`expected log, witness, group or quorum, got ${keyword.slice(0, 100)}`);
    }
  }
  if (quorum === undefined) throw new EvidenceError("INVALID_POLICY", `${where}: expected a line with the quorum`);
  const witnesses = [...named.values()].flatMap((rule) =>
    rule.type === "witness" && rule.key !== undefined ? [rule.key] : [],
  );
  return { logs, witnesses, urls, quorum: quorum.rule };
}

const MAXIMUM_BYTES = 2 ** 20;
const MAXIMUM_NAMES = 1000;

function isMet(rule: Quorum, cosignatures: readonly Cosignature[]): boolean {
  if (rule.type === "witness") return cosignatures.some(({ witness }) => witness === rule.key);
  return rule.members.filter((member) => isMet(member, cosignatures)).length >= rule.needed;
}

function sayQuorum(rule: Quorum): string {
  if (rule.type === "witness") return rule.name;
  return `${rule.needed} of (${rule.members.map(sayQuorum).join(", ")})`;
}
