import { isUtf8 } from "node:buffer";
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { OnnxError } from "./errors.ts";
import { ModelProtoSchema } from "./generated/onnx-ml_pb.ts";
import type { Limits } from "./limits.ts";

/**
 * Walks the protobuf encoding of a model before it is decoded: every length against the message that holds it, every
 * wire type, nesting, text encoding, and what decoding would cost in memory. The decoder is more lenient than
 * onnxruntime's, and a file must not mean two things. Throws an OnnxError.
 */
export function checkWireFormat(bytes: Uint8Array, limits: Limits): void {
  const layouts = new Map<DescMessage, Layout>();
  let position = 0;
  let cost = 0;

  function readVarint(end: number, name: string): number {
    let value = 0;
    for (let scale = 1, length = 0; length < MAXIMUM_VARINT_BYTES; length++, scale *= 128) {
      if (position >= end) {
        throw malformed(name, position, "a whole number", "the end of the message");
      }
      const byte = bytes[position++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        return value;
      }
    }
    throw malformed(name, position, `a number of at most ${MAXIMUM_VARINT_BYTES} bytes`, "a longer one");
  }

  function charge(amount: number, name: string): void {
    cost += amount;
    if (cost > limits.decodedBytes) {
      throw new OnnxError(
        "LIMIT_EXCEEDED",
        `${name}: expected a structure of at most ${limits.decodedBytes} bytes when decoded, got more`,
      );
    }
  }

  function walkNumbers(field: Field, end: number): void {
    let count = 0;
    for (; position < end; count++) {
      if (field.wireType === WIRE_VARINT) {
        readVarint(end, field.name);
      } else {
        position += field.wireType === WIRE_FIXED64 ? 8 : 4;
      }
    }
    if (position !== end) {
      throw malformed(field.name, end, "whole elements", "a part of one");
    }
    if (count > MAXIMUM_NUMBERS) {
      throw new OnnxError(
        "LIMIT_EXCEEDED",
        `${field.name}: expected at most ${MAXIMUM_NUMBERS} elements, got ${count}; larger tensors belong in raw_data`,
      );
    }
    charge(count * field.cost, field.name);
  }

  function walkBlock(field: Field | undefined, end: number, depth: number): void {
    if (field?.message) {
      walkMessage(field.message, end, depth + 1);
    } else if (field?.isText) {
      if (field.name !== "doc_string" && !isUtf8(bytes.subarray(position, end))) {
        throw malformed(field.name, position, "text in UTF-8", "other bytes");
      }
      charge(2 * (end - position) + field.cost, field.name);
      position = end;
    } else if (field?.isRepeatedNumber) {
      walkNumbers(field, end);
    } else {
      charge(field?.cost ?? UNKNOWN_FIELD_COST, field?.name ?? "unknown fields");
      position = end;
    }
  }

  function walkMessage(message: DescMessage, end: number, depth: number): void {
    if (depth > MAXIMUM_DEPTH) {
      throw new OnnxError(
        "LIMIT_EXCEEDED",
        `${message.name}: expected messages nested at most ${MAXIMUM_DEPTH} deep, got more`,
      );
    }
    charge(MESSAGE_COST, message.name);
    const layout = layoutOf(message, layouts);
    while (position < end) {
      const tag = readVarint(end, message.name);
      const number = Math.floor(tag / 8);
      const wireType = tag % 8;
      if (number === 0 || tag >= 2 ** 32) {
        throw malformed(message.name, position, "a field number", String(number));
      }
      const field = layout.get(number);
      const name = field?.name ?? `${message.name}, field ${number}`;
      if (field && wireType !== field.wireType && !(field.isRepeatedNumber && wireType === WIRE_BLOCK)) {
        throw malformed(`${message.name}.${name}`, position, `wire type ${field.wireType}`, String(wireType));
      }
      if (wireType === WIRE_BLOCK) {
        const length = readVarint(end, name);
        if (length > end - position) {
          throw malformed(`${message.name}.${name}`, position, `at most ${end - position} bytes`, String(length));
        }
        walkBlock(field, position + length, depth);
      } else if (wireType === WIRE_VARINT) {
        readVarint(end, name);
        charge(field?.cost ?? UNKNOWN_FIELD_COST, name);
      } else if (wireType === WIRE_FIXED32 || wireType === WIRE_FIXED64) {
        position += wireType === WIRE_FIXED32 ? 4 : 8;
        charge(field?.cost ?? UNKNOWN_FIELD_COST, name);
      } else {
        throw malformed(name, position, "a wire type that ONNX uses", String(wireType));
      }
      if (position > end) {
        throw malformed(name, end, "a whole value", "the end of the message");
      }
    }
  }

  walkMessage(ModelProtoSchema, bytes.length, 1);
}

const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_BLOCK = 2;
const WIRE_FIXED32 = 5;
const MAXIMUM_VARINT_BYTES = 10;
const MAXIMUM_DEPTH = 90; // below the decoder's own limit of 100
const MAXIMUM_NUMBERS = 2 ** 26; // a plain array that grows far beyond this ends the process
const MESSAGE_COST = 600; // object, its empty arrays, and the value made from it, measured on NodeProto
const UNKNOWN_FIELD_COST = 150;

/** What the walk needs to know of a field. */
interface Field {
  readonly name: string;
  readonly wireType: number;
  readonly message: DescMessage | undefined;
  readonly isText: boolean;
  /** Numbers can also come packed in one block. */
  readonly isRepeatedNumber: boolean;
  /** Bytes that one value takes once decoded, beyond its message. */
  readonly cost: number;
}

type Layout = ReadonlyMap<number, Field>;

function layoutOf(message: DescMessage, layouts: Map<DescMessage, Layout>): Layout {
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
  const isBig = scalar === ScalarType.INT64 || scalar === ScalarType.UINT64;
  return {
    name: field.name,
    wireType,
    message: field.message,
    isText: scalar === ScalarType.STRING,
    isRepeatedNumber: field.fieldKind === "list" && wireType !== WIRE_BLOCK,
    cost: wireType === WIRE_BLOCK ? 100 : isBig ? 40 : 12,
  };
}

const scalarWireTypes: ReadonlyMap<ScalarType, number> = new Map([
  [ScalarType.DOUBLE, WIRE_FIXED64],
  [ScalarType.FLOAT, WIRE_FIXED32],
  [ScalarType.STRING, WIRE_BLOCK],
  [ScalarType.BYTES, WIRE_BLOCK],
]);

function malformed(name: string, position: number, expected: string, got: string): OnnxError {
  return new OnnxError("MALFORMED_MODEL", `${name} at byte ${position}: expected ${expected}, got ${got}`);
}
