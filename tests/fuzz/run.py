# SPDX-License-Identifier: Apache-2.0
"""Fuzz the readers with coverage as guide: `make fuzz`.

`python tests/fuzz/run.py SECONDS [TARGET …]`: each target in a process of its own for SECONDS, from
the seeds and what earlier runs found (`.cache/fuzz`).  What crashes a reader is kept there.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
_CORPUS: Final = _ROOT / ".cache" / "fuzz"
_KEPT: Final = Path(__file__).with_name("corpus")
"""What crashed a reader once."""
_ONE: Final = "--one"
_LONGEST_BYTES: Final = 4096


def main() -> int:
    if sys.argv[1:2] == [_ONE]:
        _fuzz(sys.argv[2], sys.argv[3:])
        return 0
    from fuzz.targets import TARGETS

    if len(sys.argv) < 2 or not sys.argv[1].isdecimal() or set(sys.argv[2:]) - set(TARGETS):
        print(f"usage: run.py SECONDS [{' | '.join(TARGETS)}]", file=sys.stderr)
        return 2
    failed = [name for name in sys.argv[2:] or TARGETS if _run(name, sys.argv[1])]
    if failed:
        print(f"fuzz: failed: {', '.join(failed)}; what did it is in {_CORPUS}", file=sys.stderr)
    return 1 if failed else 0


def _run(name: str, seconds: str) -> int:
    from fuzz.seeds import SEEDS

    folder = _CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    kept = [place.read_bytes() for place in sorted((_KEPT / name).glob("*"))]
    for number, seed in enumerate([*SEEDS[name], *kept]):
        (folder / f"seed-{number}").write_bytes(seed)
    limits = (f"-max_total_time={seconds}", f"-max_len={_LONGEST_BYTES}", "-verbosity=0")
    found = f"-artifact_prefix={_CORPUS}/{name}-"
    argv = (sys.executable, __file__, _ONE, name, *limits, "-print_final_stats=1", found, folder)
    done = subprocess.run(argv, stderr=subprocess.PIPE, text=True, check=False)
    tried = [line for line in done.stderr.splitlines() if "executed_units" in line]
    print(f"fuzz: {name}: {tried[-1].split()[-1] if tried else 'no'} inputs", flush=True)
    if done.returncode:
        print(done.stderr[-3000:], file=sys.stderr)
    return done.returncode


def _fuzz(name: str, words: list[str]) -> None:
    import atheris

    # Before the first import of what is to be watched.
    with atheris.instrument_imports(include=["ibstack"]):
        from fuzz.targets import TARGETS

    # Of a million inputs each has its warning.
    logging.getLogger("ibstack").setLevel(logging.CRITICAL)
    atheris.Setup([sys.argv[0], *words], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
