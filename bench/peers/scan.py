"""picklescan and modelscan on files, where they can be imported. Prints one JSON line per scanner and file.

Usage: python scan.py FILE...
"""

import json
import pathlib
import sys
import time

scanners = {}
try:
    from picklescan.scanner import scan_file_path

    scanners["picklescan"] = lambda path: scan_file_path(path)
except ImportError:
    pass
try:
    from modelscan.modelscan import ModelScan

    scanners["modelscan"] = lambda path: ModelScan().scan(pathlib.Path(path))
except ImportError:
    pass

for name, scan in scanners.items():
    for path in sys.argv[1:]:
        start = time.perf_counter()
        scan(path)
        print(json.dumps({"name": name, "path": path, "seconds": time.perf_counter() - start}), flush=True)
