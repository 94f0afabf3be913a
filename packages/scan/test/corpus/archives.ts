import { readFileSync } from "node:fs";
import { deflateRawSync, gzipSync } from "node:zlib";
import type { CorpusFile } from "./corpus-file.ts";
import { writeTar } from "./tar-writer.ts";
import { writeZip } from "./zip-writer.ts";

const ELF = Buffer.from("7f454c4602010100000000000000000003003e0001000000", "hex");
const PE = Buffer.concat([
  Buffer.from("4d5a", "hex"),
  Buffer.alloc(0x3a),
  Buffer.from("40000000504500004c010000", "hex"),
]);
const README = { name: "README.md", data: "# A model\n" };

const file = (name: string, technique: string, bytes: () => Uint8Array): CorpusFile => ({ name, technique, bytes });

/** Archives that lead readers astray, or leave their folder. */
export const maliciousArchives: readonly CorpusFile[] = [
  file("zip-name-mismatch", "CVE-2025-1944: the directory names another file than the header", () =>
    writeZip([{ name: "notes.txt", data: "text", local: { name: "data.pkl" } }]),
  ),
  file("zip-encrypted-flag", "CVE-2025-1945: a mark of encryption that loaders ignore", () =>
    writeZip([{ name: "notes.txt", data: "text", local: { flags: 1 }, central: { flags: 1 } }]),
  ),
  file("zip-patched-flag", "CVE-2025-1945: the mark of patch data", () =>
    writeZip([{ name: "notes.txt", data: "text", local: { flags: 0x20 }, central: { flags: 0x20 } }]),
  ),
  file("zip-strong-encryption-flag", "CVE-2025-1945: the mark of strong encryption", () =>
    writeZip([{ name: "notes.txt", data: "text", central: { flags: 0x40 } }]),
  ),
  file("zip-wrong-checksum", "CVE-2025-10156: a checksum that stops strict readers", () =>
    writeZip([{ name: "notes.txt", data: "text", local: { crc: 1 }, central: { crc: 1 } }]),
  ),
  file("zip-wrong-checksum-deflated", "CVE-2025-10156 on packed data", () =>
    writeZip([{ name: "notes.txt", data: "text ".repeat(99), method: 8, local: { crc: 1 }, central: { crc: 1 } }]),
  ),
  file("zip-hidden-entry", "an entry that only the header knows", () =>
    writeZip([README, { name: "hidden.txt", data: "text", isHidden: true }]),
  ),
  file("zip-size-mismatch", "a size that the two records give differently", () =>
    writeZip([{ name: "notes.txt", data: "text".repeat(9), central: { packedBytes: 4, bytes: 4 } }, README]),
  ),
  file("zip-method-mismatch", "stored for one reader, packed for another", () =>
    writeZip([{ name: "notes.txt", data: deflateRawSync("text"), central: { method: 8 } }]),
  ),
  file("zip-duplicate-name", "the first for one reader, the last for another", () =>
    writeZip([README, { name: "README.md", data: "another text" }]),
  ),
  file("zip-case-collision", "two names that are one where case does not count", () =>
    writeZip([README, { name: "readme.MD", data: "another text" }]),
  ),
  file("zip-overlap", "entries that share their bytes", () =>
    writeZip([README, { name: "again.md", data: "x", isHidden: false, central: { headerOffset: 0 } }]),
  ),
  file("zip-traversal", "a name that leaves the folder", () =>
    writeZip([{ name: "../../.ssh/authorized_keys", data: "text" }]),
  ),
  file("zip-traversal-backslash", "the same with the separators of Windows", () =>
    writeZip([{ name: "..\\..\\autorun.txt", data: "text" }]),
  ),
  file("zip-traversal-late", "up from below", () => writeZip([{ name: "a/b/../../../c.txt", data: "text" }])),
  file("zip-absolute", "an absolute name", () => writeZip([{ name: "/etc/cron.d/job", data: "text" }])),
  file("zip-drive", "a name with a drive", () => writeZip([{ name: "C:/Windows/job.txt", data: "text" }])),
  file("zip-link-out", "a symbolic link out of the folder", () =>
    writeZip([{ name: "weights", data: "../../../etc/passwd", unixMode: 0o120777 }]),
  ),
  file("zip-link-absolute", "an absolute symbolic link", () =>
    writeZip([{ name: "weights", data: "/etc/passwd", unixMode: 0o120777 }]),
  ),
  file("zip-gap", "data between entries", () =>
    writeZip([README, { name: "b.txt", data: "text", gap: Buffer.alloc(64, 0x41) }]),
  ),
  file("zip-prefix", "a program before the archive", () => writeZip([README], { prefix: ELF })),
  file("zip-suffix", "data behind the archive", () => writeZip([README], { suffix: Buffer.alloc(99, 0x42) })),
  file("zip-count", "an end record that counts otherwise", () =>
    writeZip([README, { name: "b.txt", data: "b" }], { count: 1 }),
  ),
  file("zip-no-directory", "cut off before its directory", () => writeZip([README]).subarray(0, 45)),
  file("zip-right-to-left-name", "a name that reads as another", () =>
    writeZip([{ name: "photo\u202egpj.exe", data: "text" }]),
  ),
  file("zip-elf", "a shared object inside", () => writeZip([README, { name: "lib/plugin", data: ELF }])),
  file("zip-pe-deflated", "a program inside, packed", () => writeZip([{ name: "setup.txt", data: PE, method: 8 }])),
  file("zip-in-zip-in-gzip", "a program three containers deep", () =>
    gzipSync(Buffer.from(writeZip([{ name: "a", data: writeZip([{ name: "b", data: ELF, method: 8 }]), method: 8 }]))),
  ),
  file("zip-bomb", "packed a thousandfold", () =>
    writeZip([{ name: "zeros", data: Buffer.alloc(40 * 2 ** 20), method: 8 }]),
  ),
  file("zip-nested-deep", "more containers than anyone needs", () => {
    let bytes: Uint8Array = Buffer.from("text");
    for (let depth = 0; depth < 12; depth++) bytes = writeZip([{ name: "inner", data: bytes }]);
    return bytes;
  }),
  file("tar-traversal", "a name that leaves the folder", () => writeTar([{ name: "../../evil.txt", data: "text" }])),
  file("tar-link-then-write", "a link, and an entry that goes through it", () =>
    writeTar([
      { name: "dir", type: "2", link: "/tmp" },
      { name: "dir/file.txt", data: "text" },
    ]),
  ),
  file("tar-hard-link", "a hard link to a file outside", () =>
    writeTar([{ name: "weights", type: "1", link: "../../etc/passwd" }]),
  ),
  file("tar-device", "a device", () => writeTar([{ name: "null", type: "3" }])),
  file("tar-duplicate", "the later one wins", () => writeTar([README, { name: "README.md", data: "another" }])),
  file("tar-long-name", "a traversal in a GNU long name", () =>
    writeTar([
      { name: "././@LongLink", type: "L", data: `../../${"a".repeat(120)}` },
      { name: "short", data: "text" },
    ]),
  ),
  file("tar-pax-path", "a traversal in a pax record", () =>
    writeTar([
      { name: "pax", type: "x", data: "21 path=../../evil.tx\n" },
      { name: "short", data: "text" },
    ]),
  ),
  file("tar-pax-size", "a pax size that differs from the header's", () =>
    writeTar([
      { name: "pax", type: "x", data: "11 size=10\n" },
      { name: "a.txt", data: "text".repeat(9) },
    ]),
  ),
  file("tar-behind-the-end", "entries behind the end", () =>
    writeTar([README], writeTar([{ name: "evil", data: ELF }])),
  ),
  file("gzip-trailing", "data behind the stream", () =>
    Buffer.concat([gzipSync("text"), Buffer.from("something else")]),
  ),
  file("gzip-bomb", "packed a thousandfold", () => gzipSync(Buffer.alloc(40 * 2 ** 20))),
  file("elf", "a shared object with an innocent name", () => ELF),
  file("pe", "a program for Windows", () => PE),
  file("mach-o", "a program for macOS", () => Buffer.from("cffaedfe0700000103000000020000001000000000000000", "hex")),
  file("java-class", "a compiled class", () => Buffer.from("cafebabe0000003400100a0003000d", "hex")),
  file("python-bytecode", "a compiled Python module", () => Buffer.from("a70d0d0a000000000000000010000000e3", "hex")),
  file("wasm", "a WebAssembly module", () => Buffer.from("0061736d010000000105016000017f", "hex")),
  file("shell-script", "a script that names its interpreter", () => Buffer.from("#!/bin/sh\nid\n")),
  file("polyglot-png-zip", "a picture that is an archive too", () =>
    writeZip([README], { prefix: Buffer.from("89504e470d0a1a0a0000000d49484452", "hex") }),
  ),
  file("oci-wrong-digest", "a layer that is not what its digest says", () =>
    writeTar([
      { name: "oci-layout", data: '{"imageLayoutVersion":"1.0.0"}' },
      { name: `blobs/sha256/${"0".repeat(64)}`, data: "another layer" },
    ]),
  ),
  file("private-key", "a key among the files", () =>
    Buffer.from("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n"),
  ),
  file("aws-key", "an access key in a configuration", () =>
    Buffer.from('{"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE"}'),
  ),
  file("hub-token", "a token in a script", () =>
    Buffer.from(`login(token="hf_${"abcdefghijklmnopqrstuvwxyzabcdefgh"}")\n`),
  ),
];

const fixture = (name: string, technique: string): CorpusFile =>
  file(name, technique, () => readFileSync(new URL(`benign/${name}`, import.meta.url)));

/** Archives as their own programs write them; see benign/make-archives.sh. */
export const benignArchives: readonly CorpusFile[] = [
  fixture("info-zip.zip", "Info-ZIP 3.0, stored and deflated"),
  fixture("python-zip.zip", "Python 3.11 zipfile"),
  fixture("python-zip-streamed.zip", "Python 3.11 zipfile on a stream: sizes behind the data"),
  fixture("python-zip-bzip2.zip", "Python 3.11 zipfile with bzip2"),
  fixture("gnu.tar", "GNU tar 1.34"),
  fixture("pax.tar", "GNU tar 1.34 in the pax format, with a long name"),
  fixture("python.tar", "Python 3.11 tarfile"),
  fixture("text.gz", "gzip 1.12"),
  fixture("text.xz", "xz 5.4"),
  fixture("text.lzma", "xz 5.4 as .lzma"),
  fixture("text.bz2", "bzip2 1.0.8"),
  fixture("text.zst", "zstd 1.5"),
  fixture("text.lz4", "lz4 1.9"),
  fixture("lzma.7z", "p7zip 16.02 with LZMA"),
  fixture("lzma2.7z", "p7zip 16.02 with LZMA2"),
  fixture("bzip2.7z", "p7zip 16.02 with bzip2"),
  fixture("deflate.7z", "p7zip 16.02 with Deflate"),
  fixture("copy.7z", "p7zip 16.02, stored"),
  file("text", "a README", () => Buffer.from("# A model\n\nIts password is `password: ask the owner`.\n")),
  file("gzip", "Node's zlib", () => gzipSync("text ".repeat(100))),
];
