# SPDX-License-Identifier: Apache-2.0
"""Run a measuring program on the tree that is on the module path: `launch.py NAME [ARGUMENT …]`.

Its bench is used.  One that has no programs for pairs yet (`bench.paired`) gets those that are
beside this file: they find everything else in its bench, and say so where it is not there.
"""

from __future__ import annotations

import importlib.util
import json
import runpy
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    name = sys.argv.pop(1)
    if importlib.util.find_spec("bench.paired") is None:
        _lend()
    if importlib.util.find_spec(f"bench.paired.{name}") is None:
        print(json.dumps({"missing": f"its bench has no paired/{name}.py"}))
        return
    try:
        runpy.run_module(f"bench.paired.{name}", run_name="__main__", alter_sys=True)
    except (ImportError, AttributeError) as error:
        print(json.dumps({"missing": str(error)}), flush=True)
        raise


def _lend() -> None:
    spec = importlib.util.spec_from_file_location(
        "bench.paired", HERE / "__init__.py", submodule_search_locations=[str(HERE)]
    )
    if spec is None or spec.loader is None:
        raise RuntimeError(f"cannot read {HERE}")
    module = importlib.util.module_from_spec(spec)
    sys.modules["bench.paired"] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    main()
