import type { CorpusFile } from "./corpus-file.ts";
import { ggufText, uint32, uint64, writeGguf } from "./gguf-writer.ts";
import { callOf } from "./pickle-writer.ts";
import { writeSafetensors } from "./safetensors-writer.ts";
import { writeZip } from "./zip-writer.ts";

const file = (name: string, technique: string, bytes: () => Uint8Array): CorpusFile => ({ name, technique, bytes });
const TENSOR = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
const EIGHT = new Uint8Array(8);

const safetensorsFiles: readonly CorpusFile[] = [
  file("safetensors-overlap", "two tensors on the same bytes", () => writeSafetensors({ a: TENSOR, b: TENSOR }, EIGHT)),
  file("safetensors-hole", "a hole between tensors, with a pickle in it", () =>
    writeSafetensors({ a: { ...TENSOR, data_offsets: [64, 72] } }, Buffer.concat([Buffer.alloc(64), EIGHT])),
  ),
  file("safetensors-outside", "a tensor behind the end of the file", () =>
    writeSafetensors({ a: { ...TENSOR, shape: [250], data_offsets: [0, 1000] } }, EIGHT),
  ),
  file("safetensors-size", "a shape larger than its bytes", () =>
    writeSafetensors({ a: { ...TENSOR, shape: [1 << 20] } }, EIGHT),
  ),
  file("safetensors-overflow", "a shape whose product overflows", () =>
    writeSafetensors({ a: { ...TENSOR, shape: [2 ** 52, 2 ** 52] } }, EIGHT),
  ),
  file("safetensors-duplicate", "one name twice, of which JSON keeps the last", () =>
    writeSafetensors(`{"a":${JSON.stringify(TENSOR)},"\\u0061":${JSON.stringify({ ...TENSOR, dtype: "I32" })}}`, EIGHT),
  ),
  file("safetensors-trailing-pickle", "a pickle behind the tensors", () =>
    writeSafetensors({ a: TENSOR }, Buffer.concat([EIGHT, callOf("os", "system")])),
  ),
  file("safetensors-trailing-zip", "a zip behind the tensors", () =>
    writeSafetensors(
      { a: TENSOR },
      Buffer.concat([EIGHT, writeZip([{ name: "data.pkl", data: callOf("os", "system") }])]),
    ),
  ),
  file("safetensors-first-byte", "white space before the header", () =>
    writeSafetensors(`  ${JSON.stringify({ a: TENSOR })}`, EIGHT),
  ),
  file("safetensors-code", "code in the metadata", () =>
    writeSafetensors({ __metadata__: { format: "__import__('os').system('id')" }, a: TENSOR }, EIGHT),
  ),
  file("safetensors-url", "an address in the metadata", () =>
    writeSafetensors({ __metadata__: { update: "http://example.invalid/update.bin" }, a: TENSOR }, EIGHT),
  ),
  file("safetensors-kind", "a dtype that does not exist", () =>
    writeSafetensors({ a: { ...TENSOR, dtype: "PICKLE" } }, EIGHT),
  ),
];

const ggufFiles: readonly CorpusFile[] = [
  file("gguf-count", "CVE-2024-23605: more settings than the file can hold", () =>
    writeGguf({ counts: { settings: 1n << 60n } }),
  ),
  file("gguf-tensor-count", "CVE-2024-21836: more tensors than the file can hold", () =>
    writeGguf({ counts: { tensors: 1n << 40n } }),
  ),
  file("gguf-text-length", "CVE-2024-23496: a text longer than the file", () =>
    writeGguf({ settings: [["general.name", 8, uint64(1n << 62n)]] }),
  ),
  file("gguf-array-length", "CVE-2024-21825: an array longer than the file", () =>
    writeGguf({ settings: [["tokenizer.ggml.scores", 9, Buffer.concat([uint32(6), uint64(1n << 61n)])]] }),
  ),
  file("gguf-array-depth", "arrays within arrays", () =>
    writeGguf({
      settings: [["x", 9, Buffer.concat(Array.from({ length: 40 }, () => Buffer.concat([uint32(9), uint64(1n)])))]],
    }),
  ),
  file("gguf-value-kind", "a kind of value that does not exist", () =>
    writeGguf({ settings: [["general.name", 0x41414141, uint64(0n)]] }),
  ),
  file("gguf-tensor-kind", "a kind of tensor that does not exist", () =>
    writeGguf({ tensors: [{ name: "a", kind: 77 }] }),
  ),
  file("gguf-dimensions", "CVE-2026-33298: dimensions whose product overflows", () =>
    writeGguf({ tensors: [{ name: "a", shape: [1n << 33n, 1n << 33n] }] }),
  ),
  file("gguf-rank", "more dimensions than a loader has room for", () =>
    writeGguf({ tensors: [{ name: "a", shape: Array.from({ length: 40 }, () => 1n) }] }),
  ),
  file("gguf-name", "a tensor's name longer than 64 bytes", () => writeGguf({ tensors: [{ name: "a".repeat(200) }] })),
  file("gguf-outside", "a tensor behind the end of the file", () =>
    writeGguf({ tensors: [{ name: "a", offset: 1n << 40n }] }),
  ),
  file("gguf-overlap", "two tensors on the same bytes", () => writeGguf({ tensors: [{ name: "a" }, { name: "b" }] })),
  file("gguf-duplicate-key", "one key twice", () =>
    writeGguf({
      settings: [
        ["general.name", 8, ggufText("a")],
        ["general.name", 8, ggufText("b")],
      ],
    }),
  ),
  file("gguf-alignment", "an alignment of nothing", () =>
    writeGguf({ settings: [["general.alignment", 4, uint32(0)]] }),
  ),
  file("gguf-trailing", "a pickle behind the tensors", () =>
    writeGguf({
      tensors: [{ name: "a" }],
      data: Buffer.concat([Buffer.alloc(32), callOf("os", "system"), Buffer.alloc(40)]),
    }),
  ),
];

/** Files of plain weights whose records lie. */
export const maliciousWeights: readonly CorpusFile[] = [...safetensorsFiles, ...ggufFiles];
