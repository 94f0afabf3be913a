import { readFileSync } from "node:fs";
import { deflateSync, gzipSync } from "node:zlib";
import type { CorpusFile } from "./corpus-file.ts";
import { callOf, p } from "./pickle-writer.ts";
import { writeTar } from "./tar-writer.ts";
import { writeZip } from "./zip-writer.ts";

const file = (name: string, technique: string, bytes: () => Uint8Array): CorpusFile => ({ name, technique, bytes });
const { raw } = p;
const SYSTEM = () => callOf("os", "system");

/** Names that run code, each called once by REDUCE. */
const GADGETS: readonly (readonly [module: string, name: string])[] = [
  ["os", "system"],
  ["os", "popen"],
  ["posix", "system"],
  ["nt", "system"],
  ["subprocess", "Popen"],
  ["subprocess", "check_output"],
  ["pty", "spawn"],
  ["builtins", "eval"],
  ["builtins", "exec"],
  ["builtins", "compile"],
  ["builtins", "__import__"],
  ["builtins", "open"],
  ["builtins", "breakpoint"],
  ["__builtin__", "eval"],
  ["__builtin__", "execfile"],
  ["commands", "getoutput"],
  ["runpy", "run_path"],
  ["importlib", "import_module"],
  ["pkgutil", "resolve_name"],
  ["zipimport", "zipimporter"],
  ["ctypes", "CDLL"],
  ["marshal", "loads"],
  ["code", "interact"],
  ["codeop", "compile_command"],
  ["pip", "main"],
  ["pip._internal", "main"],
  ["ensurepip", "bootstrap"],
  ["distutils.spawn", "spawn"],
  ["idlelib.pyshell", "ModifiedInterpreter"],
  ["lib2to3.pgen2.grammar", "Grammar"],
  ["pdb", "run"],
  ["bdb", "Bdb"],
  ["cProfile", "run"],
  ["profile", "run"],
  ["timeit", "timeit"],
  ["trace", "Trace"],
  ["doctest", "debug_script"],
  ["pydoc", "pipepager"],
  ["test.support.script_helper", "assert_python_ok"],
  ["uuid", "_get_command_stdout"],
  ["imaplib", "IMAP4_stream"],
  ["_osx_support", "_read_output"],
  ["_aix_support", "_read_cmd_output"],
  ["_pyrepl.pager", "pipe_pager"],
  ["asyncio.unix_events", "_UnixSubprocessTransport"],
  ["multiprocessing.util", "spawnv_passfds"],
  ["ssl", "get_server_certificate"],
  ["socket", "create_connection"],
  ["urllib.request", "urlopen"],
  ["http.client", "HTTPConnection"],
  ["requests.api", "get"],
  ["smtplib", "SMTP"],
  ["webbrowser", "open"],
  ["shutil", "rmtree"],
  ["tempfile", "mktemp"],
  ["logging.config", "fileConfig"],
  ["torch", "load"],
  ["torch.hub", "load"],
  ["torch.utils.collect_env", "run"],
  ["torch.utils.bottleneck.__main__", "run_cprofile"],
  ["torch.utils._config_module", "ConfigModule.load_config"],
  ["torch.distributed.rpc", "rpc_sync"],
  ["torch._inductor.codecache", "compile_file"],
  ["torch._dynamo.guards", "GuardBuilder.get"],
  ["numpy.f2py.crackfortran", "getlincoef"],
  ["numpy.testing._private.utils", "runstring"],
  ["numpy", "load"],
  ["mlflow.projects.backend.local", "_run_entry_point"],
  ["joblib", "load"],
  ["pickle", "loads"],
  ["_pickle", "loads"],
  ["dill", "loads"],
  ["dill._dill", "_create_function"],
  ["cloudpickle.cloudpickle", "_make_function"],
  ["types", "CodeType"],
  ["types", "FunctionType"],
  ["operator", "attrgetter"],
  ["operator", "methodcaller"],
  ["functools", "partial"],
  ["builtins", "getattr"],
  ["numpy.core", "_ufunc_reconstruct"],
  ["pandas.io.pickle", "read_pickle"],
  ["sqlite3", "connect"],
  ["some_unknown_package.models", "Network"],
];

/** Pickles that would run something, by opcodes and by what they wear. */
export const maliciousPickles: readonly CorpusFile[] = [
  ...GADGETS.map(([module, name]) =>
    file(`call-${module}.${name}`, `REDUCE of ${module}.${name}`, () => callOf(module, name)),
  ),
  file("protocol-0", "protocol 0: text without a mark of its format", () =>
    raw(p.global("posix", "system"), p.mark, p.quoted("id"), p.tuple, p.reduce, p.stop),
  ),
  file("protocol-0-comment", "protocol 0 that begins like prose", () =>
    raw(
      p.line("weights of a model"),
      p.pop,
      p.global("os", "system"),
      p.mark,
      p.quoted("id"),
      p.tuple,
      p.reduce,
      p.stop,
    ),
  ),
  file("protocol-1", "protocol 1", () =>
    raw(p.global("os", "system"), p.shortString("id"), p.tuple1, p.reduce, p.stop),
  ),
  file("protocol-3", "protocol 3", () =>
    raw(p.proto(3), p.global("os", "system"), p.unicode("id"), p.tuple1, p.reduce, p.stop),
  ),
  file("protocol-4", "protocol 4 by STACK_GLOBAL", () =>
    raw(p.proto(4), p.short("os"), p.short("system"), p.stackGlobal, p.short("id"), p.tuple1, p.reduce, p.stop),
  ),
  file("protocol-5", "protocol 5 in a frame", () => {
    const body = raw(
      p.short("os"),
      p.memoize,
      p.short("system"),
      p.memoize,
      p.stackGlobal,
      p.memoize,
      p.short("id"),
      p.tuple1,
      p.reduce,
      p.stop,
    );
    return raw(p.proto(5), p.frame(body.length), body);
  }),
  file("inst", "INST instead of GLOBAL and REDUCE", () => raw(p.mark, p.unicode("id"), p.inst("os", "system"), p.stop)),
  file("obj", "OBJ", () => raw(p.proto(2), p.mark, p.global("os", "system"), p.unicode("id"), p.obj, p.stop)),
  file("newobj", "NEWOBJ", () =>
    raw(p.proto(2), p.global("subprocess", "Popen"), p.unicode("id"), p.tuple1, p.newObject, p.stop),
  ),
  file("newobj-ex", "NEWOBJ_EX", () =>
    raw(p.proto(4), p.global("subprocess", "Popen"), p.unicode("id"), p.tuple1, p.emptyDict, p.newObjectWith, p.stop),
  ),
  file("ext1", "EXT1: the extension registry", () =>
    raw(p.proto(2), p.ext(7), p.unicode("id"), p.tuple1, p.reduce, p.stop),
  ),
  file("ext2", "EXT2", () => raw(p.proto(2), p.ext2(700), p.unicode("id"), p.tuple1, p.reduce, p.stop)),
  file("ext4", "EXT4", () => raw(p.proto(2), p.ext4(70_000), p.unicode("id"), p.tuple1, p.reduce, p.stop)),
  file("import-only", "an import that is never called", () => raw(p.proto(2), p.global("os", "system"), p.stop)),
  file("setstate", "BUILD that sets __setstate__, BUILD that calls it", () =>
    raw(
      p.proto(2),
      p.global("types", "SimpleNamespace"),
      p.emptyTuple,
      p.reduce,
      p.emptyDict,
      p.unicode("__setstate__"),
      p.global("os", "system"),
      p.setItem,
      p.build,
      p.unicode("id"),
      p.build,
      p.stop,
    ),
  ),
  file("build-on-function", "BUILD that rewrites an allowed function", () =>
    raw(
      p.proto(2),
      p.global("numpy", "ndarray"),
      p.emptyDict,
      p.unicode("__builtins__"),
      p.none,
      p.setItem,
      p.build,
      p.stop,
    ),
  ),
  file("dotted-name", "an attribute path through an allowed module", () =>
    raw(
      p.proto(4),
      p.short("torch"),
      p.short("serialization.os.system"),
      p.stackGlobal,
      p.short("id"),
      p.tuple1,
      p.reduce,
      p.stop,
    ),
  ),
  file("dotted-global", "an attribute path in GLOBAL", () => callOf("torch", "serialization.os.system")),
  file("dotted-inst", "an attribute path in INST", () =>
    raw(p.mark, p.unicode("id"), p.inst("torch", "serialization.os.system"), p.stop),
  ),
  file("dotted-stdlib", "an attribute path through the standard library", () =>
    callOf("collections", "abc.sys.modules"),
  ),
  file("dunder", "a name with underscores", () => callOf("builtins", "list.__init_subclass__")),
  file("memo-operands", "STACK_GLOBAL whose names come from the memo", () =>
    raw(
      p.proto(4),
      p.short("system"),
      p.memoize,
      p.pop,
      p.short("os"),
      p.memoize,
      p.pop,
      p.get(1),
      p.get(0),
      p.stackGlobal,
      p.short("id"),
      p.tuple1,
      p.reduce,
      p.stop,
    ),
  ),
  file("memo-long", "names by LONG_BINPUT and LONG_BINGET", () =>
    raw(
      p.proto(4),
      p.short("os"),
      p.putLong(99_999),
      p.pop,
      p.short("system"),
      p.putLong(4_000_000_000),
      p.pop,
      p.getLong(99_999),
      p.getLong(4_000_000_000),
      p.stackGlobal,
      p.short("id"),
      p.tuple1,
      p.reduce,
      p.stop,
    ),
  ),
  file("memo-lines", "names by PUT and GET", () =>
    raw(
      p.line("os"),
      p.putLine(500),
      p.pop,
      p.line("system"),
      p.putLine(3),
      p.pop,
      p.proto(4),
      p.getLine(500),
      p.getLine(3),
      p.stackGlobal,
      p.line("id"),
      p.tuple1,
      p.reduce,
      p.stop,
    ),
  ),
  file("memo-overwritten", "a memo entry that changes its meaning", () =>
    raw(
      p.proto(4),
      p.short("collections"),
      p.put(0),
      p.pop,
      p.short("os"),
      p.put(0),
      p.pop,
      p.get(0),
      p.short("system"),
      p.stackGlobal,
      p.short("id"),
      p.tuple1,
      p.reduce,
      p.stop,
    ),
  ),
  file("operands-far-apart", "other opcodes between the names", () =>
    raw(
      p.proto(4),
      p.short("os"),
      p.none,
      p.pop,
      p.mark,
      p.int1(1),
      p.popMark,
      p.short("system"),
      p.emptyList,
      p.pop,
      p.stackGlobal,
      p.short("id"),
      p.tuple1,
      p.reduce,
      p.stop,
    ),
  ),
  file("operands-dup", "a name that is duplicated", () =>
    raw(p.proto(4), p.short("code"), p.dup, p.stackGlobal, p.short("id"), p.tuple1, p.reduce, p.stop),
  ),
  file("operand-number", "STACK_GLOBAL with a number for a name", () =>
    raw(p.proto(4), p.short("os"), p.int1(3), p.stackGlobal, p.emptyTuple, p.reduce, p.stop),
  ),
  file("operand-call", "a name that a call returns", () =>
    raw(
      p.proto(4),
      p.short("os"),
      p.global("_codecs", "encode"),
      p.short("system"),
      p.tuple1,
      p.reduce,
      p.stackGlobal,
      p.short("id"),
      p.tuple1,
      p.reduce,
      p.stop,
    ),
  ),
  file("operand-bytes", "names as bytes", () =>
    raw(
      p.proto(4),
      p.shortBytes("os"),
      p.shortBytes("system"),
      p.stackGlobal,
      p.short("id"),
      p.tuple1,
      p.reduce,
      p.stop,
    ),
  ),
  file("escaped-unicode", "a name written with escapes", () =>
    raw(
      p.line("\\u006fs"),
      p.line("\\u0073ystem"),
      p.proto(4),
      p.stackGlobal,
      p.line("id"),
      p.tuple1,
      p.reduce,
      p.stop,
    ),
  ),
  file("escaped-string", "a name of protocol 0 with escapes", () =>
    raw(
      p.quoted("\\x6fs"),
      p.quoted("syste\\155"),
      p.proto(4),
      p.stackGlobal,
      p.line("id"),
      p.tuple1,
      p.reduce,
      p.stop,
    ),
  ),
  file("unicode8-names", "names in the longest form", () =>
    raw(p.proto(4), p.unicode8("os"), p.unicode8("system"), p.stackGlobal, p.short("id"), p.tuple1, p.reduce, p.stop),
  ),
  file("popped-result", "a call whose result is thrown away", () =>
    raw(p.proto(2), p.global("os", "system"), p.unicode("id"), p.tuple1, p.reduce, p.pop, p.emptyDict, p.stop),
  ),
  file("hidden-by-pop-mark", "a call below a mark that is thrown away", () =>
    raw(
      p.proto(2),
      p.emptyDict,
      p.mark,
      p.global("os", "system"),
      p.unicode("id"),
      p.tuple1,
      p.reduce,
      p.popMark,
      p.stop,
    ),
  ),
  file("result-called", "a call of what a call returned", () =>
    raw(
      p.proto(2),
      p.global("functools", "partial"),
      p.global("os", "system"),
      p.unicode("id"),
      p.tuple2,
      p.reduce,
      p.emptyTuple,
      p.reduce,
      p.stop,
    ),
  ),
  file("getattr-chain", "os.system by getattr of an import", () =>
    raw(
      p.proto(2),
      p.global("builtins", "getattr"),
      p.global("builtins", "__import__"),
      p.unicode("os"),
      p.tuple1,
      p.reduce,
      p.unicode("system"),
      p.tuple2,
      p.reduce,
      p.unicode("id"),
      p.tuple1,
      p.reduce,
      p.stop,
    ),
  ),
  file("joined-name", "a name put together while loading", () =>
    raw(
      p.proto(2),
      p.global("builtins", "getattr"),
      p.unicode(""),
      p.unicode("join"),
      p.tuple2,
      p.reduce,
      p.mark,
      p.unicode("sys"),
      p.unicode("tem"),
      p.tuple,
      p.tuple1,
      p.reduce,
      p.stop,
    ),
  ),
  file("second-pickle", "a payload in the second of two pickles", () => raw(p.proto(2), p.emptyDict, p.stop, SYSTEM())),
  file("third-pickle-protocol-0", "a payload of protocol 0 behind others", () =>
    raw(
      p.proto(2),
      p.emptyDict,
      p.stop,
      p.proto(4),
      p.none,
      p.stop,
      p.global("os", "system"),
      p.mark,
      p.quoted("id"),
      p.tuple,
      p.reduce,
      p.stop,
    ),
  ),
  file("truncated", "nullifAI: a payload, then a broken stream", () =>
    raw(p.proto(2), p.global("os", "system"), p.unicode("id"), p.tuple1, p.reduce, p.unicode("x").subarray(0, 3)),
  ),
  file("invalid-opcode", "a payload, then an opcode that does not exist", () =>
    raw(p.proto(2), p.global("os", "system"), p.unicode("id"), p.tuple1, p.reduce, 0xff),
  ),
  file("missing-memo", "a payload, then a memo entry that is not there", () =>
    raw(p.proto(2), p.global("os", "system"), p.unicode("id"), p.tuple1, p.reduce, p.get(77), p.stop),
  ),
  file("stack-underflow", "a payload, then a pop too many", () =>
    raw(p.proto(2), p.global("os", "system"), p.unicode("id"), p.tuple1, p.reduce, p.pop, p.pop, p.stop),
  ),
  file("frame-straddle", "a frame that ends within an opcode", () =>
    raw(
      p.proto(4),
      p.frame(3),
      p.short("os"),
      p.short("system"),
      p.stackGlobal,
      p.short("id"),
      p.tuple1,
      p.reduce,
      p.stop,
    ),
  ),
  file("protocol-twice", "PROTO in the middle", () =>
    raw(p.proto(2), p.global("os", "system"), p.proto(4), p.unicode("id"), p.tuple1, p.reduce, p.stop),
  ),
  file("long-prelude", "a payload behind many harmless opcodes", () =>
    raw(p.proto(2), ...new Array(20_000).fill(raw(p.int1(1), p.pop)), SYSTEM().subarray(2)),
  ),
  file("long-prelude-text", "protocol 0 behind a megabyte of text", () =>
    raw(
      p.line("a".repeat(2 ** 20)),
      p.pop,
      p.global("os", "system"),
      p.mark,
      p.quoted("id"),
      p.tuple,
      p.reduce,
      p.stop,
    ),
  ),
  file("scanner-off", "an import of a scanner, to turn it off", () =>
    callOf("picklescan.scanner", "_unsafe_globals.clear"),
  ),
  file("nested-in-bytes", "a pickle within the bytes of a pickle", () => raw(p.proto(4), p.bytes8(SYSTEM()), p.stop)),
  file("nested-in-bytearray", "a pickle within a bytearray", () => raw(p.proto(5), p.byteArray(SYSTEM()), p.stop)),
  file("nested-torch-bytes", "a payload within what torch loads from bytes", () =>
    raw(p.proto(2), p.global("torch.storage", "_load_from_bytes"), p.longBytes(SYSTEM()), p.tuple1, p.reduce, p.stop),
  ),
  file("marshalled-code", "compiled code in bytes", () =>
    raw(p.proto(4), p.bytes8(Buffer.from(`e3${"00".repeat(20)}f3020000009700`, "hex")), p.stop),
  ),
  file("tuples-of-tuples", "tuples that double forty times", () => {
    const double = (depth: number) => raw(p.get(depth), p.get(depth), p.tuple2, p.put(depth + 1), p.pop);
    return raw(
      p.proto(2),
      p.emptyTuple,
      p.put(0),
      p.pop,
      ...Array.from({ length: 40 }, (_, depth) => double(depth)),
      p.get(40),
      p.stop,
    );
  }),
  file("torch-zip", "a payload in data.pkl", () =>
    writeZip([
      { name: "archive/data.pkl", data: SYSTEM() },
      { name: "archive/version", data: "3\n" },
    ]),
  ),
  file("torch-zip-deflated", "a payload in a packed data.pkl", () =>
    writeZip([{ name: "archive/data.pkl", data: SYSTEM(), method: 8 }]),
  ),
  file("torch-zip-other-member", "a payload in a member of an innocent name", () =>
    writeZip([
      { name: "archive/data.pkl", data: raw(p.proto(2), p.emptyDict, p.stop) },
      { name: "archive/data/0", data: SYSTEM() },
    ]),
  ),
  file("torch-zip-text-member", "a payload of protocol 0 in a .txt member", () =>
    writeZip([
      { name: "archive/data.pkl", data: raw(p.proto(2), p.emptyDict, p.stop) },
      { name: "notes.txt", data: "cos\nsystem\n(S'id'\ntR." },
    ]),
  ),
  file("torch-zip-flag", "a payload behind a mark of encryption", () =>
    writeZip([{ name: "archive/data.pkl", data: SYSTEM(), local: { flags: 1 }, central: { flags: 1 } }]),
  ),
  file("torch-zip-checksum", "a payload behind a wrong checksum", () =>
    writeZip([{ name: "archive/data.pkl", data: SYSTEM(), local: { crc: 7 }, central: { crc: 7 } }]),
  ),
  file("torch-zip-hidden", "a payload that the directory does not list", () =>
    writeZip([
      { name: "archive/version", data: "3\n" },
      { name: "archive/data.pkl", data: SYSTEM(), isHidden: true },
    ]),
  ),
  file("torch-script-code", "TorchScript that reads files", () =>
    writeZip([
      { name: "m/data.pkl", data: raw(p.proto(2), p.emptyDict, p.stop) },
      { name: "m/code/__torch__.py", data: "def forward(self, x):\n  return ops.aten.from_file('/etc/passwd')\n" },
    ]),
  ),
  file("torch-legacy-magic", "a magic number that is computed", () =>
    raw(
      callOf("builtins", "eval", "0x1950a86a20f9469cfc6c"),
      p.proto(2),
      p.int1(1),
      p.stop,
      p.proto(2),
      p.emptyDict,
      p.stop,
    ),
  ),
  file("torch-tar", "a payload in a tar of before PyTorch 0.2", () =>
    writeTar([
      { name: "pickle", data: SYSTEM() },
      { name: "storages", data: raw(p.proto(2), p.int1(0), p.stop) },
    ]),
  ),
  file("joblib-zlib", "a payload behind zlib", () => deflateSync(SYSTEM())),
  file("joblib-gzip", "a payload behind gzip", () => gzipSync(SYSTEM())),
  file("npy-objects", "CVE-2019-6446: a payload in an array of objects", () =>
    npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", SYSTEM()),
  ),
  file("npy-code", "a header that is code", () =>
    npy("{'descr': __import__('os').system('id'), 'fortran_order': False, 'shape': (1,), }", Buffer.alloc(8)),
  ),
  file("npy-fields", "objects in one field of several", () =>
    npy("{'descr': [('a', '<f8'), ('b', '|O')], 'fortran_order': False, 'shape': (1,), }", SYSTEM()),
  ),
  file("npy-shape", "a shape that allocates an exabyte", () =>
    npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 1000000000), }", Buffer.alloc(8)),
  ),
  file("npz-objects", "a payload in a member of an npz", () =>
    writeZip([{ name: "x.npy", data: npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", SYSTEM()) }]),
  ),
  file("polyglot-pickle-zip", "a pickle that is a zip too", () =>
    writeZip([{ name: "notes.txt", data: "text" }], { prefix: SYSTEM() }),
  ),
];

function npy(header: string, data: Uint8Array): Uint8Array {
  const padded = header.padEnd(117, " ").concat("\n");
  const length = Buffer.alloc(2);
  length.writeUInt16LE(padded.length);
  return Buffer.concat([
    Buffer.from([0x93]),
    Buffer.from("NUMPY"),
    Buffer.from([1, 0]),
    length,
    Buffer.from(padded),
    data,
  ]);
}

const fixture = (name: string, technique: string): CorpusFile =>
  file(name, technique, () => readFileSync(new URL(`benign/${name}`, import.meta.url)));

/** Pickles as their own writers write them; see benign/make-pickles.py. */
export const benignPickles: readonly CorpusFile[] = [
  ...[0, 1, 2, 3, 4, 5].map((protocol) =>
    fixture(`python-${protocol}.pkl`, `Python 3.11's pickle, protocol ${protocol}`),
  ),
  ...[0, 2, 4, 5].map((protocol) => fixture(`numpy-${protocol}.pkl`, `NumPy 2 in protocol ${protocol}`)),
  ...[2, 5].map((protocol) => fixture(`scikit-learn-${protocol}.pkl`, `scikit-learn 1.9 in protocol ${protocol}`)),
  fixture("forest.joblib", "joblib 1.5: a forest, with arrays between the opcodes"),
  fixture("arrays.joblib", "joblib 1.5: arrays of several types, of objects too"),
  fixture("boosting-zlib.joblib", "joblib 1.5 with zlib"),
  fixture("arrays-xz.joblib", "joblib 1.5 with xz"),
  fixture("arrays-bz2.joblib", "joblib 1.5 with bzip2"),
  fixture("state.pt", "PyTorch 2.13: a state dictionary"),
  fixture("state-legacy.pt", "PyTorch 2.13: the format before 1.6"),
  fixture("module.pt", "PyTorch 2.13: a whole module"),
  fixture("optimizer.pt", "PyTorch 2.13: the state of Adam, and bfloat16"),
  fixture("script.pt", "PyTorch 2.13: TorchScript"),
  fixture("tensor.pkl", "PyTorch 2.13: a tensor by plain pickle"),
  fixture("array.npy", "NumPy 2"),
  fixture("fields.npy", "NumPy 2: several fields"),
  fixture("arrays.npz", "NumPy 2: savez"),
  fixture("arrays-deflated.npz", "NumPy 2: savez_compressed"),
];
