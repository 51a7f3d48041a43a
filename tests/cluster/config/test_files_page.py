# SPDX-License-Identifier: Apache-2.0
"""docs/reference/cluster-files.md names every file that is generated for any host."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from cluster.broker_cluster import broker_cluster
from cluster.infiniband_cluster import (
    FABRIC,
    former_cluster,
    set_values,
    todays_cluster,
    two_fabrics,
)
from ibstack.cluster.config.render import adapter_driver, files_of, ini_paths

PAGE = Path(__file__).parents[3] / "docs/reference/cluster-files.md"


def generated(secrets: Path) -> set[PurePosixPath]:
    static = todays_cluster("vxlan")
    set_values(static, FABRIC, partitions="static")
    broker = broker_cluster(secrets)
    clusters = (former_cluster(), todays_cluster(), static, two_fabrics(), broker)
    hosts = ("headnode", "node001", "node002")
    return {path for draft in clusters for host in hosts for path in files_of(draft, host)}


def test_the_page_has_every_file(tmp_path: Path) -> None:
    page = PAGE.read_text("utf-8")
    paths = generated(tmp_path)

    assert PurePosixPath(adapter_driver.UDEV_PATH) in paths
    assert paths >= set(ini_paths())
    # Of several in one folder, the page has the folder once.
    missing = {path for path in paths if f"`{path}`" not in page and f"`{path.name}`" not in page}
    assert missing == set()
