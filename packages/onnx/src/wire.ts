import { isUtf8 } from "node:buffer";
import type { DescMessage } from "@bufbuild/protobuf";
import { OnnxError } from "./errors.ts";
import { TensorProto_DataType as DataType, ModelProtoSchema, TensorProtoSchema } from "./generated/onnx-ml_pb.ts";
import type { Limits } from "./limits.ts";
import {
  type Field,
  type Layout,
  layoutOf,
  WIRE_BLOCK,
  WIRE_FIXED32,
  WIRE_FIXED64,
  WIRE_VARINT,
} from "./wire-layout.ts";

/**
 * Walks the protobuf encoding of a model before it is decoded: every length against the message that holds it, every
 * wire type, nesting, text encoding, and what decoding would cost in memory. The decoder is more lenient than
 * onnxruntime's, and a file must not mean two things. Throws an OnnxError. Returns where the tags stand of float_data and
 * double_data that hold, byte for byte, what raw_data would hold.
 */
export function checkWireFormat(bytes: Uint8Array, limits: Limits): readonly number[] {
  const walk = new WireWalk(bytes, limits);
  walk.message(ModelProtoSchema, bytes.length, 1);
  return walk.packedFloats;
}

class WireWalk {
  readonly packedFloats: number[] = [];
  readonly #bytes: Uint8Array;
  readonly #limit: number;
  readonly #layouts = new Map<DescMessage, Layout>();
  #position = 0;
  #cost = 0;

  constructor(bytes: Uint8Array, { decodedBytes }: Limits) {
    this.#bytes = bytes;
    this.#limit = decodedBytes;
  }

  message(message: DescMessage, end: number, depth: number): void {
    if (depth > MAXIMUM_DEPTH) {
      throw new OnnxError(
        "LIMIT_EXCEEDED",
        `${message.name}: expected messages nested at most ${MAXIMUM_DEPTH} deep, got more`,
      );
    }
    this.#charge(MESSAGE_COST, message.name);
    if (message === TensorProtoSchema) {
      this.#tensor(end, depth);
      return;
    }
    const layout = layoutOf(message, this.#layouts);
    let seen = 0;
    while (this.#position < end) {
      const { field, number, wireType } = this.#tag(message, layout, end);
      if (field?.isSingleMessage) {
        if (seen & (1 << number)) {
          throw malformed(
            `${message.name}.${field.name}`,
            this.#position,
            "one message",
            "another, to be merged with it",
          );
        }
        seen |= 1 << number;
      }
      this.#value(message, field, wireType, end, depth);
    }
  }

  /** A TensorProto, whose packed floats wait until its element type is known. */
  #tensor(end: number, depth: number): void {
    const layout = layoutOf(TensorProtoSchema, this.#layouts);
    const packed: { readonly tag: number; readonly field: Field; readonly start: number; readonly end: number }[] = [];
    let dataType = 0;
    let others = 0;
    while (this.#position < end) {
      const tag = this.#position;
      const { field, number, wireType } = this.#tag(TensorProtoSchema, layout, end);
      if (field?.isRepeatedNumber && wireType === WIRE_BLOCK && field.wireType !== WIRE_VARINT) {
        const blockEnd = this.#blockEnd(field.name, end);
        packed.push({ tag, field, start: this.#position, end: blockEnd });
        this.#position = blockEnd;
        continue;
      }
      const start = this.#position;
      this.#value(TensorProtoSchema, field, wireType, end, depth);
      if (number === TensorProtoSchema.field.dataType.number) {
        dataType = this.#peekVarint(start);
      } else if (field?.isRepeatedNumber || number === TensorProtoSchema.field.rawData.number) {
        others += number === TensorProtoSchema.field.dims.number ? 0 : 1;
      }
    }
    const [first] = packed;
    const isAlone = packed.length === 1 && others === 0;
    if (first && isAlone && packedTypes[first.field.name]?.includes(dataType) && this.#bytes[first.tag]! < 0x80) {
      this.packedFloats.push(first.tag);
      return;
    }
    for (const { field, start, end: blockEnd } of packed) {
      this.#position = start;
      this.#numbers(field, blockEnd);
    }
    this.#position = end;
  }

  #tag(message: DescMessage, layout: Layout, end: number) {
    const tag = this.#varint(end, message.name);
    const number = Math.floor(tag / 8);
    const wireType = tag % 8;
    if (number === 0 || tag >= 2 ** 32) {
      throw malformed(message.name, this.#position, "a field number", String(number));
    }
    const field = layout.get(number);
    if (field && wireType !== field.wireType && !(field.isRepeatedNumber && wireType === WIRE_BLOCK)) {
      const name = `${message.name}.${field.name}`;
      throw malformed(name, this.#position, `wire type ${field.wireType}`, String(wireType));
    }
    return { field, number, wireType };
  }

  #value(message: DescMessage, field: Field | undefined, wireType: number, end: number, depth: number): void {
    const name = `${message.name}.${field?.name ?? "unknown"}`;
    if (wireType === WIRE_BLOCK) {
      this.#block(field, this.#blockEnd(name, end), name, depth);
      return;
    }
    if (wireType === WIRE_VARINT) {
      this.#varint(end, name);
    } else if (wireType === WIRE_FIXED32 || wireType === WIRE_FIXED64) {
      this.#position += wireType === WIRE_FIXED32 ? 4 : 8;
    } else {
      throw malformed(name, this.#position, "a wire type that ONNX uses", String(wireType));
    }
    if (this.#position > end) {
      throw malformed(name, end, "a whole value", "the end of the message");
    }
    this.#charge(field?.cost ?? UNKNOWN_FIELD_COST, name);
  }

  #block(field: Field | undefined, end: number, name: string, depth: number): void {
    if (field?.message) {
      this.message(field.message, end, depth + 1);
    } else if (field?.isRepeatedNumber) {
      this.#numbers(field, end);
    } else {
      const isText = field?.isText ?? false;
      if (isText && field?.name !== "doc_string" && !isUtf8(this.#bytes.subarray(this.#position, end))) {
        throw malformed(name, this.#position, "text in UTF-8", "other bytes");
      }
      this.#charge((field?.cost ?? UNKNOWN_FIELD_COST) + (isText ? 2 * (end - this.#position) : 0), name);
      this.#position = end;
    }
  }

  /** Numbers packed in one block. */
  #numbers(field: Field, end: number): void {
    const size = field.wireType === WIRE_FIXED64 ? 8 : 4;
    let count = 0;
    if (field.wireType === WIRE_VARINT) {
      for (; this.#position < end; count++) {
        this.#varint(end, field.name);
      }
    } else {
      count = (end - this.#position) / size;
      this.#position = end;
    }
    if (!Number.isInteger(count)) {
      throw malformed(field.name, end, "whole elements", "a part of one");
    }
    this.#charge(count * field.cost, field.name);
  }

  #blockEnd(name: string, end: number): number {
    const length = this.#varint(end, name);
    if (length > end - this.#position) {
      throw malformed(name, this.#position, `at most ${end - this.#position} bytes`, String(length));
    }
    return this.#position + length;
  }

  #varint(end: number, name: string): number {
    let value = 0;
    for (let scale = 1, length = 0; length < MAXIMUM_VARINT_BYTES; length++, scale *= 128) {
      if (this.#position >= end) {
        throw malformed(name, this.#position, "a whole number", "the end of the message");
      }
      const byte = this.#bytes[this.#position++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        return value;
      }
    }
    throw malformed(name, this.#position, `a number of at most ${MAXIMUM_VARINT_BYTES} bytes`, "a longer one");
  }

  /** A number that was walked over before. */
  #peekVarint(start: number): number {
    const position = this.#position;
    this.#position = start;
    const value = this.#varint(position, "");
    this.#position = position;
    return value;
  }

  #charge(amount: number, name: string): void {
    this.#cost += amount;
    if (this.#cost > this.#limit) {
      throw new OnnxError(
        "LIMIT_EXCEEDED",
        `${name}: expected a structure of at most ${this.#limit} bytes when decoded, got more; large tensors belong in raw_data`,
      );
    }
  }
}

/** Element types whose typed field holds the same bytes as raw_data would. */
const packedTypes: Readonly<Record<string, readonly number[]>> = {
  float_data: [DataType.FLOAT, DataType.COMPLEX64],
  double_data: [DataType.DOUBLE, DataType.COMPLEX128],
};

const MAXIMUM_VARINT_BYTES = 10;
const MAXIMUM_DEPTH = 90; // below the decoder's own limit of 100
const MESSAGE_COST = 600; // object, its empty arrays, and the value made from it, measured on NodeProto
const UNKNOWN_FIELD_COST = 150;

function malformed(name: string, position: number, expected: string, got: string): OnnxError {
  return new OnnxError("MALFORMED_MODEL", `${name} at byte ${position}: expected ${expected}, got ${got}`);
}
