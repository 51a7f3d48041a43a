# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from ibstack.fabric.errors import BadValue
from ibstack.facts.fabric.local_port import LocalPort


def of(folder: Path, *lines: str) -> LocalPort:
    config = folder / "fabricd.conf"
    config.write_text("\n".join(("[fabric]", *lines)))
    return LocalPort.read(config)


def test_port_and_key_are_those_of_fabricd(tmp_path: Path) -> None:
    assert of(tmp_path, "ca = mlx5_0", "port = 2", "m_key = 0xffffffffffffffff") == LocalPort(
        "mlx5_0", 2, 2**64 - 1
    )
    assert LocalPort.read(tmp_path / "none") == of(tmp_path) == LocalPort()


@pytest.mark.parametrize(
    "line", ["port = x", "port = 256", "port = -1", "m_key = 0x10000000000000000", "m_key = secret"]
)
def test_what_is_no_port_and_no_key_is_refused_and_not_repeated(tmp_path: Path, line: str) -> None:
    with pytest.raises(BadValue, match=r"option (port|m_key).*\(hidden\)") as refused:
        of(tmp_path, line)

    assert "secret" not in str(refused.value)
