"""Writes the benign pickles with the libraries that people use: Python 3.11, NumPy 2, scikit-learn 1.9, joblib 1.5, PyTorch 2.13."""

import collections
import datetime
import decimal
import pathlib
import pickle
import uuid

import joblib
import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

here = pathlib.Path(__file__).parent
draw = np.random.default_rng(0)
x = draw.random((40, 4))
y = (x[:, 0] > 0.5).astype(int)
forest = RandomForestClassifier(2, max_depth=2, random_state=0).fit(x, y)
values = {
    "list": [1, 2.5, None, True, "line\nbreak", "ü", 1 << 100, -5],
    "tuple": (1, 2, 3, 4),
    "sets": [{1, 2}, frozenset([3])],
    "date": datetime.datetime(2026, 1, 2, 3, 4, 5),
    "decimal": decimal.Decimal("1.5"),
    "ordered": collections.OrderedDict(a=1),
    "default": collections.defaultdict(int),
    "uuid": uuid.UUID(int=7),
    "path": pathlib.PurePosixPath("/a/b"),
    "bytes": b"abc" * 100,
    "array": bytearray(b"xyz"),
    "range": range(3),
    "complex": 1j,
}
for protocol in range(6):
    (here / f"python-{protocol}.pkl").write_bytes(pickle.dumps(values, protocol))
for protocol in (0, 2, 4, 5):
    arrays = {"x": x[:3], "scalar": np.float32(3), "text": np.array(["a", "bb"]), "times": np.array(["2026-01-01"], "M8[D]")}
    (here / f"numpy-{protocol}.pkl").write_bytes(pickle.dumps(arrays, protocol))
for protocol in (2, 5):
    pipeline = make_pipeline(StandardScaler(), forest)
    (here / f"scikit-learn-{protocol}.pkl").write_bytes(pickle.dumps(pipeline, protocol))
mixed = {"a": x[:5], "b": x[:2].astype("f4"), "c": np.array([{}, 1], dtype=object), "d": x[:5] * 2, "e": np.array(["a", "bb"])}
joblib.dump(forest, here / "forest.joblib")
joblib.dump(mixed, here / "arrays.joblib")
boosting = HistGradientBoostingClassifier(max_iter=1, max_leaf_nodes=3, random_state=0).fit(x, y)
joblib.dump(boosting, here / "boosting-zlib.joblib", compress=3)
joblib.dump(mixed, here / "arrays-xz.joblib", compress=("xz", 3))
joblib.dump(mixed, here / "arrays-bz2.joblib", compress=("bz2", 3))
torch.manual_seed(0)
module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
torch.save(module.state_dict(), here / "state.pt")
torch.save(module.state_dict(), here / "state-legacy.pt", _use_new_zipfile_serialization=False)
torch.save(module, here / "module.pt")
torch.save({"state": torch.optim.Adam(module.parameters()).state_dict(), "t": torch.tensor([1], dtype=torch.bfloat16)}, here / "optimizer.pt")
torch.jit.script(module).save(here / "script.pt")
(here / "tensor.pkl").write_bytes(pickle.dumps(torch.ones(3)))
np.save(here / "array.npy", x)
np.save(here / "fields.npy", np.zeros(3, dtype=[("a", "f4"), ("b", "i8", (2,))]))
np.savez(here / "arrays.npz", x=x, y=y)
np.savez_compressed(here / "arrays-deflated.npz", x=x, y=y)
