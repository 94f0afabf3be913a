import type { Rule } from "../../rule.ts";
import { pickleRules } from "./rules.ts";

/** Modules of which any name, and any submodule, runs code or reaches what does. */
const RUN_CODE = new Set(
  `os posix nt posixpath ntpath subprocess _posixsubprocess pty commands popen2 sys runpy importlib imp pkgutil zipimport ctypes _ctypes
  cffi marshal code codeop pip ensurepip venv distutils setuptools pkg_resources idlelib lib2to3 pdb bdb cProfile profile pstats
  timeit trace doctest pydoc unittest test imaplib _osx_support _aix_support _pyrepl asyncio signal threading _thread
  multiprocessing concurrent subinterpreters gc inspect dis platform rlcompleter readline site sysconfig
  py_compile compileall modulefinder zipapp tracemalloc faulthandler atexit sched cgi cgitb crypt pickle _pickle cPickle dill
  cloudpickle joblib.externals.cloudpickle pickletools shelve torch.hub torch.jit torch._inductor torch._dynamo
  torch.utils.collect_env torch.utils.bottleneck torch.utils._config_module torch.utils.cpp_extension
  torch.utils.data.datapipes torch.distributed torch.multiprocessing torch.package torch.fx torch.onnx torch.testing
  torch.ao.pruning numpy.f2py numpy.testing numpy.distutils numpy.ctypeslib mlflow tensorflow.python.ops.script_ops
  keras.src.saving keras.saving fickling picklescan modelscan IPython ipykernel jupyter_client nose pytest _pytest
  paramiko fabric invoke sh pexpect docker kubernetes ptyprocess jinja2 mako cython Cython numba.core llvmlite pydoc_data
  sympy.parsing sympy.core.sympify xdrlib win32api win32com winreg _winapi msvcrt nturl2path ast`.split(/\s+/),
);

/** Exact names elsewhere that do. */
const RUN_CODE_BY_NAME = new Set(
  `builtins.eval builtins.exec builtins.execfile builtins.compile builtins.__import__ builtins.setattr builtins.delattr
  builtins.breakpoint builtins.apply builtins.input builtins.globals builtins.locals builtins.vars builtins.__build_class__
  builtins.help builtins.exit builtins.quit types.CodeType types.FunctionType types.LambdaType types.MethodType types.ModuleType
  types.new_class types.coroutine torch.load torch.serialization.load torch.save torch.serialization.save torch.compile
  torch._utils._import_dotted_name torch.storage._load_from_bytes.__globals__ torch._C._jit_compile
  numpy.load numpy.lib.npyio.load numpy.lib._npyio_impl.load numpy.core._ufunc_reconstruct numpy._core._ufunc_reconstruct
  numpy.lib.format.read_array numpy.vectorize joblib.load joblib.numpy_pickle.load joblib._parallel_backends.LokyBackend
  joblib.Parallel joblib.memory.Memory pandas.read_pickle pandas.io.pickle.read_pickle pandas.eval
  pandas.core.computation.eval.eval uuid._get_command_stdout uuid._popen logging.config.fileConfig logging.config.listen
  functools.singledispatch operator.call _operator.call typing.get_type_hints typing.ForwardRef string.Formatter
  collections.namedtuple dataclasses.make_dataclass enum.EnumType copyreg.__newobj_ex__ copyreg.add_extension
  numexpr.evaluate yaml.load yaml.unsafe_load yaml.full_load scipy.io.loadmat scipy.weave.inline nltk.data.load
  sklearn.utils._testing.set_random_state getpass.getpass`.split(/\s+/),
);

/** Modules that reach the network or the file system. */
const NETWORK_OR_FILE = new Set(
  `socket _socket ssl _ssl urllib urllib2 urllib3 http httplib httpx requests aiohttp smtplib ftplib telnetlib poplib nntplib xmlrpc
  webbrowser socketserver wsgiref shutil tempfile glob fileinput linecache io _io codecs pathlib._local mmap zipfile
  tarfile gzip bz2 lzma sqlite3 dbm csv configparser netrc mailbox logging syslog pandas.io boto3 botocore s3fs fsspec gcsfs
  huggingface_hub datasets torch.utils.model_zoo torchvision.datasets tensorflow.io tensorflow.python.lib.io`.split(
    /\s+/,
  ),
);

/** What turns names or other functions into something callable. */
const TRAMPOLINES = new Set(
  `builtins.getattr builtins.hasattr builtins.map builtins.filter builtins.type builtins.super builtins.property builtins.iter
  builtins.reduce functools.partial functools.partialmethod functools.reduce _functools.partial _functools.reduce operator.attrgetter
  operator.itemgetter operator.methodcaller _operator.attrgetter _operator.itemgetter _operator.methodcaller
  itertools.starmap itertools.accumulate builtins.__getattribute__ types.MethodWrapperType types.BuiltinMethodType
  weakref.finalize contextlib.ExitStack`.split(/\s+/),
);

const FILE_BY_NAME = new Set([
  "builtins.open",
  "numpy.fromfile",
  "numpy.memmap",
  "numpy.save",
  "numpy.savetxt",
  "numpy.genfromtxt",
  "numpy.loadtxt",
]);

/** Which rule a name breaks; undefined if it stands on no list. */
export function dangerOf(module: string, name: string): Rule | undefined {
  const full = `${module}.${name}`;
  if (full === "builtins.open") return pickleRules["dangerous-call"];
  if (/^(dill\._dill|cloudpickle(\.\w+)*|joblib\.externals\.cloudpickle(\.\w+)*)$/.test(module))
    return pickleRules["code-object"];
  if (RUN_CODE_BY_NAME.has(full) || isWithin(RUN_CODE, full)) return pickleRules["dangerous-call"];
  if (TRAMPOLINES.has(full)) return pickleRules.trampoline;
  if (FILE_BY_NAME.has(full) || isWithin(NETWORK_OR_FILE, full)) return pickleRules["network-or-file"];
  return undefined;
}

function isWithin(modules: ReadonlySet<string>, full: string): boolean {
  for (let end = full.indexOf("."); ; end = full.indexOf(".", end + 1)) {
    if (modules.has(end < 0 ? full : full.slice(0, end))) return true;
    if (end < 0) return false;
  }
}
