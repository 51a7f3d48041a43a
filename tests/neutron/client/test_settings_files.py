# SPDX-License-Identifier: Apache-2.0
"""A file of settings that cannot be read is named, with what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from oslo_config import cfg

from ibstack.fabric.errors import BadInput
from ibstack.neutron.client.settings_files import read_files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def conf() -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    conf.register_opt(cfg.StrOpt("host"))
    return conf


def test_what_can_be_read_is_read(conf: cfg.ConfigOpts, tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("[DEFAULT]\nhost = node001\n")

    read_files(conf, [f"--config-file={tmp_path}/a.conf"], project="ibstack")

    assert conf.host == "node001"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none.conf", "there is no {}; name the file with --config-file"),
        (".", "{}: Is a directory; name a file"),
        ("binary.conf", "{} is no UTF-8 text (invalid start byte)"),
    ],
)
def test_what_cannot_be_read_is_bad_input(
    conf: cfg.ConfigOpts, tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / "binary.conf").write_bytes(b"\xff\xfe")
    path = tmp_path / name

    with pytest.raises(BadInput) as caught:
        read_files(conf, [f"--config-file={path}"], project="ibstack")

    assert str(caught.value) == said.format(path)


def test_a_broken_line_is_named_as_oslo_config_names_it(
    conf: cfg.ConfigOpts, tmp_path: Path
) -> None:
    (tmp_path / "a.conf").write_text("host node001\n")

    with pytest.raises(cfg.Error, match=r"a\.conf:1"):
        read_files(conf, [f"--config-file={tmp_path}/a.conf"], project="ibstack")
