import { clone, create, type DescField, type DescMessage, type Message, ScalarType } from "@bufbuild/protobuf";
import type { Dice } from "./dice.ts";

/**
 * Changes one field somewhere in a message, by its schema: numbers to the edges of their range, names to other names, lists
 * shortened, doubled or swapped, parts moved to where parts of their kind go (graphs into graphs, cycles among values).
 */
export function mutateMessage(root: Message, description: DescMessage, dice: Dice): void {
  const places = [...placesIn(root, description)];
  const { message, field } = dice.pick(
    places.filter((place) => place.depth === 0 || dice.roll(4) > 0 || places.length < 8),
  );
  const record = message as unknown as Record<string, unknown>;
  const peers = places.filter((place) => sameKind(place.field, field));
  const other = valueAt(dice.pick(peers));
  if (field.oneof) {
    record[field.oneof.localName] =
      dice.roll(3) === 0 ? { case: undefined } : { case: field.localName, value: single(field, other, dice) };
  } else if (field.fieldKind === "list") {
    record[field.localName] = mutatedList(record[field.localName] as unknown[], field, other as unknown[], dice);
  } else {
    record[field.localName] = single(field, other, dice);
  }
}

interface Place {
  readonly message: Message;
  readonly field: DescField;
  readonly depth: number;
}

function* placesIn(message: Message, description: DescMessage, depth = 0): Generator<Place> {
  for (const field of description.fields) {
    const place = { message, field, depth };
    yield place;
    const value = valueAt(place);
    if (field.message && value !== undefined) {
      for (const part of Array.isArray(value) ? value : [value]) {
        yield* placesIn(part, field.message, depth + 1);
      }
    }
  }
}

function valueAt({ message, field }: Place): unknown {
  const record = message as unknown as Record<string, unknown>;
  if (!field.oneof) {
    return record[field.localName];
  }
  const chosen = record[field.oneof.localName] as { case?: string; value?: unknown };
  return chosen.case === field.localName ? chosen.value : undefined;
}

function sameKind(a: DescField, b: DescField): boolean {
  return (
    a.fieldKind === b.fieldKind &&
    a.scalar === b.scalar &&
    a.message === b.message &&
    (a.fieldKind === "list") === (b.fieldKind === "list")
  );
}

function single(field: DescField, other: unknown, dice: Dice): unknown {
  if (field.message) {
    const value = Array.isArray(other) ? other[0] : other;
    return dice.roll(4) === 0 || !value ? create(field.message) : clone(field.message, value);
  }
  if (field.enum) {
    return dice.pick(field.enum.values).number;
  }
  return dice.roll(2) === 0 && other !== undefined && !Array.isArray(other) ? other : scalar(field.scalar!, dice);
}

function mutatedList(list: readonly unknown[], field: DescField, other: readonly unknown[], dice: Dice): unknown[] {
  const index = dice.roll(Math.max(list.length, 1));
  const fresh = () => single(field, other.length > 0 ? dice.pick(other) : undefined, dice);
  switch (dice.roll(7)) {
    case 0:
      return [];
    case 1:
      return list.filter((_, position) => position !== index);
    case 2:
      return list.length === 0 ? [fresh()] : [...list, list[index]];
    case 3:
      return [...list].reverse();
    case 4:
      return other.map((value) => (field.message ? clone(field.message, value as Message) : value)); // else it could hold itself
    case 5:
      return [...list, ...Array.from({ length: dice.pick(field.message ? [1, 20] : [1, 70, 1500]) }, fresh)];
    default:
      return list.length === 0 ? [fresh()] : list.map((value, position) => (position === index ? fresh() : value));
  }
}

function scalar(type: ScalarType, dice: Dice): unknown {
  switch (type) {
    case ScalarType.INT64:
      return dice.pick([0n, 1n, -1n, 2n, 7n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)]);
    case ScalarType.UINT64:
      return dice.pick([0n, 1n, 2n ** 32n, 2n ** 64n - 1n]);
    case ScalarType.INT32:
      return dice.pick([0, 1, -1, 7, 8, 10, 22, 127, 2 ** 31 - 1, -(2 ** 31)]);
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      return dice.pick([0, -1, 1e30, Number.NaN, Number.POSITIVE_INFINITY]);
    case ScalarType.BYTES:
      return new Uint8Array(dice.pick([0, 1, 4, 7, 8, 4096])).fill(dice.roll(256));
    default:
      return dice.pick(NAMES);
  }
}

const NAMES = [
  "",
  "x",
  "y",
  "If",
  "Constant",
  "Identity",
  "Clip",
  "ReduceSum",
  "local",
  "__proto__",
  "constructor",
  "location",
  "offset",
  "length",
  "weights.bin",
  "link.bin",
  "../outside.bin",
  "/etc/passwd",
  "a\0b",
  "-1",
  "99999999999999999999",
  "ä".repeat(40),
];
