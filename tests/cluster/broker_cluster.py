# SPDX-License-Identifier: Apache-2.0
"""Today's cluster with accounts at a broker, and the files of secrets that it names."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from cluster.infiniband_cluster import todays_cluster
from ibstack.cluster.config.fill_secrets import Secrets
from ibstack.cluster.config.render import files_of
from ibstack.cluster.model.entity import Entity, EntityPath

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack.cluster.config.generated import GeneratedFile
    from ibstack.cluster.model.state import Draft
    from ibstack.cluster.model.value import Value

BROKER: Final = EntityPath.of("partition", "base").inside("broker", "settings")
HEAD, COMPUTE = "headnode", "node002"
SECRETS: Final = {
    "serverpasswordfile": "of the server: %41",
    "agentpasswordfile": 'p@ss:word%$x#;"',
    "fabricdpasswordfile": "of-fabricd",
    "answerkeyfile": "0123456789abcdef0123456789abcdef",
}
"""Each secret by the property that names its file."""


def broker_cluster(folder: Path, **values: Value) -> Draft:
    """Return the cluster, and write its secrets below *folder*."""
    draft = todays_cluster()
    for name, secret in SECRETS.items():
        file = folder / name
        file.write_text(f"{secret}\n")
        file.chmod(0o600)
    files: dict[str, Value] = {name: str(folder / name) for name in SECRETS}
    draft.put(Entity(BROKER, "", {"nodes": ("ctrl1", "ctrl2:5673"), **files, **values}))
    return draft


def filled(draft: Draft, device: str, path: str) -> GeneratedFile:
    """Return the file as it goes to the host."""
    return Secrets().fill(files_of(draft, device))[PurePosixPath(path)]
