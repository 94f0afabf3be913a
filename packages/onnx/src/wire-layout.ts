import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";

export const WIRE_VARINT = 0;
export const WIRE_FIXED64 = 1;
export const WIRE_BLOCK = 2;
export const WIRE_FIXED32 = 5;

/** What a walk over encoded bytes needs to know of a field. */
export interface Field {
  readonly name: string;
  readonly wireType: number;
  readonly message: DescMessage | undefined;
  readonly isText: boolean;
  /** Numbers can also come packed in one block. */
  readonly isRepeatedNumber: boolean;
  readonly isSingleMessage: boolean;
  /** Bytes that one value takes once decoded, beyond its message. */
  readonly cost: number;
}

/** The fields of a message by number. */
export type Layout = ReadonlyMap<number, Field>;

/** The layout of a message, from `layouts` if it was made before. */
export function layoutOf(message: DescMessage, layouts: Map<DescMessage, Layout>): Layout {
  const known = layouts.get(message);
  if (known) {
    return known;
  }
  const layout = new Map(message.fields.map((field) => [field.number, describe(field)]));
  layouts.set(message, layout);
  return layout;
}

function describe(field: DescField): Field {
  const scalar = field.scalar;
  const wireType = field.message
    ? WIRE_BLOCK
    : scalar === undefined
      ? WIRE_VARINT
      : (scalarWireTypes.get(scalar) ?? WIRE_VARINT);
  return {
    name: field.name,
    wireType,
    message: field.message,
    isText: scalar === ScalarType.STRING,
    isRepeatedNumber: field.fieldKind === "list" && wireType !== WIRE_BLOCK,
    isSingleMessage: field.fieldKind === "message",
    cost: wireType === WIRE_BLOCK ? BLOCK_COST : NUMBER_COST,
  };
}

const BLOCK_COST = 100; // a view on the bytes, or a string's head
const NUMBER_COST = 40; // a bigint and its place in an array that has room to grow

const scalarWireTypes: ReadonlyMap<ScalarType, number> = new Map([
  [ScalarType.DOUBLE, WIRE_FIXED64],
  [ScalarType.FLOAT, WIRE_FIXED32],
  [ScalarType.STRING, WIRE_BLOCK],
  [ScalarType.BYTES, WIRE_BLOCK],
]);
