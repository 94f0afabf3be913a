import { isRecord } from "../walk-json.ts";

/** Something wrong with one tensor; `offset` counts from the first byte of data. */
export interface Problem {
  readonly rule: "header" | "offsets" | "size";
  readonly tensor: string;
  readonly text: string;
  readonly offset?: number;
}

interface Placed {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
}

/** Bits of one element, as the reference implementation has them. */
const BITS: Readonly<Record<string, number>> = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
};

/** Holds every tensor of a header against the `bytes` of data: kind, shape and place, and that they fill them without hole or overlap. `end` is where the last one ends. */
export function tensorProblems(
  header: Readonly<Record<string, unknown>>,
  bytes: number,
): { readonly problems: readonly Problem[]; readonly end: number } {
  const problems: Problem[] = [];
  const placed: Placed[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const tensor = placedTensor(name, entry, problems);
    if (tensor) placed.push(tensor);
  }
  placed.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let end = 0;
  for (const { name, begin, end: next } of placed) {
    if (next > bytes)
      problems.push({ rule: "offsets", tensor: name, text: `ends at byte ${next} of ${bytes}`, offset: begin });
    if (begin !== end) {
      const text =
        begin < end ? `begins at byte ${begin}, within another` : `begins at byte ${begin}, ${begin - end} too late`;
      problems.push({ rule: "offsets", tensor: name, text, offset: begin });
    }
    end = Math.max(end, next);
  }
  return { problems, end: Math.min(end, bytes) };
}

function placedTensor(name: string, entry: unknown, problems: Problem[]): Placed | undefined {
  const wrong = (text: string): undefined => {
    problems.push({ rule: "header", tensor: name, text });
  };
  if (!isRecord(entry)) return wrong("expected an object");
  const { dtype, shape, data_offsets: offsets } = entry;
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!)
    return wrong("expected data_offsets [begin, end]");
  const [begin, end] = [offsets[0]!, offsets[1]!];
  if (!isCounts(shape)) return wrong("expected a shape of whole numbers");
  const bits = typeof dtype === "string" ? BITS[dtype] : undefined;
  if (bits === undefined) wrong(`a dtype that is not known: ${JSON.stringify(dtype)}`);
  else {
    const expected = shape.reduce((product, each) => product * each, bits) / 8;
    if (expected !== end - begin) {
      const text = `${dtype} of shape [${shape.slice(0, 8).join(", ")}]: expected ${expected} bytes, got ${end - begin}`;
      problems.push({ rule: "size", tensor: name, text, offset: begin });
    }
  }
  return { name, begin, end };
}

function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((each) => Number.isSafeInteger(each) && each >= 0);
}
