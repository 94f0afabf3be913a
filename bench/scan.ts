import { spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { crc32 } from "node:zlib";
import { defaultLimits, scanFile } from "@casemate/scan";
import { median } from "./median.ts";

/**
 * Prints how fast files are scanned, one core each: opcodes of pickles per second beside picklescan and modelscan, bytes of a PyTorch
 * archive with and without checksums, and the memory that a checkpoint of 20 GB takes. `scan.js --one FILE` scans one file and
 * prints its own memory.
 */
const python = process.env.CASEMATE_PYTHON ?? "python3";
const rounds = 5;
const OPCODES = 2_000_000;
const MEGABYTE = 2 ** 20;

if (process.argv[2] === "--one") {
  await scanFile(process.argv[3]!, tmpdir());
  console.log(process.resourceUsage().maxRSS / 1024);
} else await measure(mkdtempSync(join(tmpdir(), "casemate-bench-")));

async function measure(folder: string): Promise<void> {
  try {
    const mixed = join(folder, "mixed.pkl");
    writeFileSync(mixed, mixedPickle());
    const calls = join(folder, "calls.pkl");
    writeFileSync(calls, callingPickle());
    const archive = join(folder, "checkpoint.pt");
    writeFileSync(archive, torchArchive(256));
    const others = peers([mixed, calls, archive]);
    for (const [name, path] of [
      ["texts, numbers and tuples", mixed],
      ["calls of one class", calls],
    ] as const) {
      const seconds = await time(path, true);
      console.log(
        `${name}: ${(OPCODES / seconds / 1e6).toFixed(1)} million opcodes/s (at least 20)${ratios(others, path, seconds)}`,
      );
    }
    const whole = await time(archive, true);
    const quick = await time(archive, false);
    console.log(
      `PyTorch archive of 256 MB: ${(256 / whole).toFixed(0)} MB/s with every byte checked and digested (at least 200)${ratios(others, archive, whole)}`,
    );
    console.log(
      `  without checksums ${(quick * 1000).toFixed(0)} ms${ratios(others, archive, quick)} (at most 2 times picklescan's time)`,
    );
    const large = join(folder, "large.safetensors");
    sparseSafetensors(large, 20);
    const { stdout } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), "--one", large], {
      encoding: "utf8",
    });
    console.log(`memory of a checkpoint of 20 GB: ${Number(stdout).toFixed(0)} MB (under 300)`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function time(path: string, checksums: boolean): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const start = performance.now();
    await scanFile(path, tmpdir(), { ...defaultLimits, checksums });
    if (round > 0) times.push((performance.now() - start) / 1000);
  }
  return median(times);
}

interface PeerTime {
  readonly name: string;
  readonly path: string;
  readonly seconds: number;
}

function peers(paths: readonly string[]): readonly PeerTime[] {
  const script = join(import.meta.dirname, "..", "peers", "scan.py");
  const { stdout, status } = spawnSync(python, [script, ...paths], { encoding: "utf8" });
  const times =
    status === 0
      ? stdout
          .trim()
          .split("\n")
          .filter((line) => line !== "")
      : [];
  if (times.length === 0)
    console.log(`${python} imports neither picklescan nor modelscan; set CASEMATE_PYTHON and PYTHONPATH`);
  return times.map((line): PeerTime => JSON.parse(line));
}

function ratios(others: readonly PeerTime[], path: string, seconds: number): string {
  return others
    .filter((peer) => peer.path === path)
    .map((peer) => `, ${(peer.seconds / seconds).toFixed(1)} times ${peer.name}`)
    .join("");
}

/** [("0", 0.5), ("1", 0.5), …] in protocol 4 without a memo: five opcodes each. */
function mixedPickle(): Buffer {
  const parts: Buffer[] = [Buffer.from([0x80, 4, 0x5d, 0x28])];
  const float = Buffer.from([0x47, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0]);
  for (let index = 0; index < OPCODES / 5; index++) {
    const digits = Buffer.from(String(index));
    parts.push(Buffer.from([0x8c, digits.length]), digits, float, Buffer.from([0x4b, index & 255, 0x87, 0x94]));
  }
  return Buffer.concat([...parts, Buffer.from("e.")]);
}

/** A list of dates: import by the memo, bytes, tuple, REDUCE, MEMOIZE: five opcodes each. */
function callingPickle(): Buffer {
  const start = Buffer.concat([
    Buffer.from([0x80, 4]),
    Buffer.from("cdatetime\ndate\n"),
    Buffer.from([0x94, 0x30, 0x5d, 0x28]),
  ]);
  const date = Buffer.concat([
    Buffer.from([0x68, 0, 0x43, 4, 7, 0xd0, 1, 1, 0x85]),
    Buffer.from("R"),
    Buffer.from([0x94]),
  ]);
  const body = Buffer.alloc((OPCODES / 5) * date.length, date);
  return Buffer.concat([start, body, Buffer.from("e.")]);
}

/** A stored archive with data.pkl and storages of a megabyte each. */
function torchArchive(megabytes: number): Buffer {
  const pickle = Buffer.from([0x80, 2, 0x7d, 0x2e]);
  const storage = Buffer.alloc(MEGABYTE);
  for (let at = 0; at < storage.length; at += 4) storage.writeFloatLE(Math.sin(at), at);
  const files = [
    { name: "archive/data.pkl", data: pickle },
    ...Array.from({ length: megabytes }, (_, index) => ({ name: `archive/data/${index}`, data: storage })),
  ];
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const { name, data } of files) {
    const sum = crc32(data);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt32LE(sum, 14);
    local.writeUInt32LE(data.length, 18);
    local.writeUInt32LE(data.length, 22);
    local.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    entry.writeUInt32LE(sum, 16);
    entry.writeUInt32LE(data.length, 20);
    entry.writeUInt32LE(data.length, 24);
    entry.writeUInt16LE(name.length, 28);
    entry.writeUInt32LE(offset, 42);
    parts.push(local, Buffer.from(name), data);
    central.push(entry, Buffer.from(name));
    offset += 30 + name.length + data.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, directory, end]);
}

/** One tensor of zeros, of which the disk holds nothing. */
function sparseSafetensors(path: string, gigabytes: number): void {
  const bytes = gigabytes * 2 ** 30;
  const header = Buffer.from(JSON.stringify({ w: { dtype: "F32", shape: [bytes / 4], data_offsets: [0, bytes] } }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = openSync(path, "w");
  try {
    writeSync(file, Buffer.concat([length, header]));
    ftruncateSync(file, 8 + header.length + bytes);
  } finally {
    closeSync(file);
  }
}
