/** Harmless names of NumPy, in the places where its versions have kept them. */
export const numpy = `
numpy.core.multiarray: _reconstruct scalar
numpy._core.multiarray: _reconstruct scalar
numpy.core.numeric: _frombuffer
numpy._core.numeric: _frombuffer
numpy: ndarray dtype matrix recarray bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 longdouble complex64 complex128 str_ bytes_ void datetime64 timedelta64 object_ intc intp longlong ulonglong uintp uint generic number integer floating bool long ulong half single double record poly1d
numpy.dtypes: BoolDType Int8DType Int16DType Int32DType Int64DType UInt8DType UInt16DType UInt32DType UInt64DType Float16DType Float32DType Float64DType LongDoubleDType Complex64DType Complex128DType StrDType BytesDType VoidDType ObjectDType DateTime64DType TimeDelta64DType StringDType
numpy.ma.core: _mareconstruct MaskedArray MaskedConstant
numpy.ma: MaskedArray
numpy.rec: recarray record
numpy.core.records: recarray record
numpy.matrixlib.defmatrix: matrix
numpy.lib.polynomial: poly1d
numpy.random._pickle: __randomstate_ctor __generator_ctor __bit_generator_ctor
numpy.random: __RandomState_ctor
numpy.random.mtrand: RandomState __randomstate_ctor
numpy.random._mt19937: MT19937
numpy.random._pcg64: PCG64 PCG64DXSM
numpy.random._philox: Philox
numpy.random._sfc64: SFC64
numpy.random._generator: Generator
numpy.random._bit_generator: SeedSequence __pyx_unpickle_SeedSequence
numpy.random.bit_generator: SeedSequence __pyx_unpickle_SeedSequence
`;
