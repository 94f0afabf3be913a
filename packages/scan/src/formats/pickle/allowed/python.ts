/** Harmless names of the standard library: containers, numbers, dates, paths that are only names. */
export const python = `
builtins: set frozenset bytearray bytes complex range xrange slice object list dict tuple int long float str unicode bool Ellipsis NotImplemented BaseException Exception ValueError TypeError KeyError RuntimeError IndexError AttributeError
collections: OrderedDict defaultdict deque Counter ChainMap UserDict UserList
copyreg: _reconstructor __newobj__
_codecs: encode
datetime: date datetime time timedelta timezone
decimal: Decimal
fractions: Fraction
uuid: UUID SafeUUID
pathlib: Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath
zoneinfo: ZoneInfo ZoneInfo._unpickle
types: SimpleNamespace NoneType
argparse: Namespace
array: array _array_reconstructor
random: Random
io: BytesIO StringIO
_io: BytesIO StringIO
re: _compile
_sre: compile
ipaddress: IPv4Address IPv6Address IPv4Network IPv6Network
string: Template
numbers: Number
abc: ABCMeta
`;
