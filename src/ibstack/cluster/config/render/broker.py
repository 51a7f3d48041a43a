# SPDX-License-Identifier: Apache-2.0
"""Accounts at the broker: who has which in its files, what it may do, and the key between two.

Sources: docs/how-to/install.md and decision 222; tests/real/test_broker_accounts.py has a real
RabbitMQ refuse what is not allowed here.
"""

from __future__ import annotations

import enum
import re
import shlex
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ibstack.cluster.config.generated import GeneratedFile, SecretFile
from ibstack.cluster.config.render.host import Sourced
from ibstack.cluster.config.render.sourced_files import LineFile
from ibstack.cluster.model.base_partition import BASE
from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.kind import SINGLE
from ibstack.cluster.model.role import OPENSTACK_NODE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ibstack.cluster.config.render.host import Host
    from ibstack.cluster.config.render.sourced_files import IniFile

ACCOUNTS_PATH: Final = "/etc/ibstack/broker-accounts.sh"
SERVER_KEY_PATH: Final = "/etc/neutron/ibstack-answer.key"
FABRICD_KEY_PATH: Final = "/etc/ibstack/answer.key"
SERVERS: Final = ("neutron-server", "neutron-api", "neutron-rpc-server")

_KEY_CHARACTERS: Final = 32
_TOPICS: Final = "^(ibstack-plugin|q-reports-plugin)$"
"""To which agents and fabricd may write."""
_BEGIN: Final = """\
# On a node of RabbitMQ, as root: sh {path}
set -eu
account() {{
    # By standard input, where no list of processes shows it.
    rabbitmqctl add_user "$1" < "$2" || rabbitmqctl change_password "$1" < "$2"
}}
"""


class Account(enum.Enum):
    """A user of the broker: its name, the property of its password, and whose topic it reads."""

    SERVER = ("ibstack-server", "serverpasswordfile", "")
    AGENT = ("ibstack-compute", "agentpasswordfile", "ibstack-agent")
    FABRICD = ("ibstack-fabricd", "fabricdpasswordfile", "ibstack-fabric")

    def __init__(self, user: str, password: str, topic: str) -> None:
        self.user = user
        self.password = password
        self.topic = topic
        """Empty: all of the virtual host's."""


def files(host: Host) -> Iterator[GeneratedFile]:
    """Yield what a controller has: the lines that make the accounts, and the key's file."""
    broker = _broker(host)
    if broker is None or not host.is_head or OPENSTACK_NODE not in host.roles:
        return
    if any(broker[each.password].value for each in Account):
        yield _accounts(broker)
    yield from key_file(host, SERVER_KEY_PATH, "neutron", SERVERS)


def give_account(ini: IniFile, host: Host, account: Account) -> None:
    """Give the program that reads *ini* its account, where the cluster has one for it."""
    broker = _broker(host)
    if broker is None or not broker[account.password].value:
        return
    nodes, virtual_host = broker["nodes"], broker["virtualhost"]
    secret = SecretFile(broker[account.password].text, in_url=True)
    at = ",".join(f"{account.user}:{secret.mark}@{node}" for node in nodes.words)
    where = "" if virtual_host.value == "/" else quote(virtual_host.text, safe="")
    origins = (nodes.origin, virtual_host.origin, broker[account.password].origin)
    if at:
        url = f"rabbit://{at}/{where}"
        ini.put_secret("DEFAULT", "transport_url", url, secret, *origins)


def give_key(ini: IniFile, host: Host, section: str, path: str) -> None:
    """Tell the program that reads *ini* where the key is, where the cluster has one."""
    broker = _broker(host)
    if broker is not None and broker["answerkeyfile"].value:
        ini.put(section, "answer_key_file", path, broker["answerkeyfile"].origin)


def take_unsigned(ini: IniFile, host: Host) -> None:
    """Let neutron-server take unsigned reports beside a key, while that is asked for."""
    broker = _broker(host)
    if broker is not None and broker["answerkeyfile"].value and broker["unsignedreports"].value:
        origin = broker["unsignedreports"].origin
        ini.put("infiniband", "accept_unsigned_reports", "True", origin)


def key_file(
    host: Host, path: str, group: str, services: tuple[str, ...]
) -> Iterator[GeneratedFile]:
    """Yield the file with the key, where the cluster has one; empty *group*: its owner's alone."""
    broker = _broker(host)
    if broker is None or not broker["answerkeyfile"].value:
        return
    found = broker["answerkeyfile"]
    secret = SecretFile(found.text, least=_KEY_CHARACTERS)
    yield GeneratedFile(
        PurePosixPath(path),
        f"{secret.mark}\n",
        broker.path,
        (("key", found.origin),),
        mode=0o640 if group else 0o600,
        group=group,
        services=services,
        secrets=(secret,),
    )


def _broker(host: Host) -> Sourced | None:
    path = EntityPath.of("partition", BASE).inside("broker", SINGLE)
    entity = host.view.get(path)
    return None if entity is None else Sourced(entity)


def _accounts(broker: Sourced) -> GeneratedFile:
    lines = LineFile(ACCOUNTS_PATH)
    lines.put("how", _BEGIN.format(path=ACCOUNTS_PATH), broker.path)
    for account in Account:
        password = broker[account.password]
        if password.value:
            text = f"account {account.user} {shlex.quote(password.text)}\n"
            text += "".join(f"{line}\n" for line in _permissions(broker, account))
            origins = (password.origin, broker["virtualhost"].origin, broker["exchange"].origin)
            lines.put(account.user, text, *origins)
    return lines.generated()


def _permissions(broker: Sourced, account: Account) -> Iterator[str]:
    """Yield the commands that say what the account may do; see "Access Control" of RabbitMQ."""
    of = f"-p {shlex.quote(broker['virtualhost'].text)} {account.user}"
    if not account.topic:
        yield f'rabbitmqctl set_permissions {of} ".*" ".*" ".*"'
        return
    exchange = re.escape(broker["exchange"].text)
    own = f'"^({exchange}|reply_.*|{account.topic}([._].*)?)$"'
    yield f"rabbitmqctl set_permissions {of} {own} {own} {own}"
    name = shlex.quote(broker["exchange"].text)
    bound = f'"^{account.topic}([.].*)?$"'
    yield f'rabbitmqctl set_topic_permissions {of} {name} "{_TOPICS}" {bound}'
