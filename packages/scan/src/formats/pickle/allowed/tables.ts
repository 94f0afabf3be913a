/** Harmless names of pandas, SciPy, joblib, and of the libraries of boosted trees. */
export const tables = `
pandas.core.frame: DataFrame
pandas.core.series: Series
pandas: DataFrame Series Index RangeIndex MultiIndex DatetimeIndex Timestamp Timedelta Categorical CategoricalDtype
pandas.core.internals.managers: BlockManager SingleBlockManager
pandas.core.internals.blocks: new_block
pandas._libs.internals: _unpickle_block BlockManager
pandas.core.indexes.base: Index _new_Index
pandas.core.indexes.range: RangeIndex
pandas.core.indexes.multi: MultiIndex
pandas.core.indexes.category: CategoricalIndex
pandas.core.indexes.datetimes: DatetimeIndex _new_DatetimeIndex
pandas.core.indexes.numeric: Int64Index Float64Index UInt64Index
pandas.core.arrays.categorical: Categorical
pandas.core.arrays.datetimes: DatetimeArray
pandas.core.arrays.integer: IntegerArray Int64Dtype
pandas.core.arrays.string_: StringArray StringDtype
pandas.core.dtypes.dtypes: CategoricalDtype DatetimeTZDtype
pandas._libs.arrays: __pyx_unpickle_NDArrayBacked
pandas._libs.tslibs.timestamps: _unpickle_timestamp
pandas._libs.tslibs.timedeltas: _timedelta_unpickle
pandas._libs.tslibs.offsets: BaseOffset Day Hour
scipy.sparse._csr: csr_matrix csr_array
scipy.sparse._csc: csc_matrix csc_array
scipy.sparse._coo: coo_matrix coo_array
scipy.sparse.csr: csr_matrix
scipy.sparse.csc: csc_matrix
scipy.sparse._lil: lil_matrix
scipy.sparse._dia: dia_matrix
joblib.numpy_pickle: NumpyArrayWrapper NDArrayWrapper ZNDArrayWrapper
joblib.numpy_pickle_compat: NDArrayWrapper ZNDArrayWrapper
xgboost.core: Booster
xgboost.sklearn: XGBClassifier XGBRegressor XGBRanker XGBModel
lightgbm.basic: Booster
lightgbm.sklearn: LGBMClassifier LGBMRegressor LGBMRanker
catboost.core: CatBoostClassifier CatBoostRegressor CatBoost
`;
