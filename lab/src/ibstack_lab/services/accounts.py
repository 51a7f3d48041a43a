# SPDX-License-Identifier: Apache-2.0
"""Who uses the lab's cloud: its operator, two tenants, and the services themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from keystoneauth1.identity import v3
from keystoneauth1.session import Session

from ibstack.fabric.errors import BadInput

REGION: Final = "lab"


@dataclass(frozen=True, slots=True)
class Account:
    """A user, the one project that it works in, and its roles there."""

    name: str
    project: str
    roles: tuple[str, ...]


OPERATOR: Final = Account("operator", "admin", ("admin",))
"""What `keystone-manage bootstrap` makes: the administrator of the cloud."""

DEMO: Final = Account("demo", "demo", ("member",))
OTHER: Final = Account("other", "other", ("member",))
# By `service` they may write binding:host_id and binding:profile and send events; by `admin` nova
# sees provider:physical_network, and nova's servers are found for Neutron's events.
NOVA: Final = Account("nova", "service", ("admin", "service"))
NEUTRON: Final = Account("neutron", "service", ("admin", "service"))

PLACEMENT: Final = Account("placement", "service", ("service",))
IMAGES: Final = Account("images", "service", ("service",))

ACCOUNTS: Final = (OPERATOR, DEMO, OTHER, NOVA, NEUTRON)
TENANTS: Final = (DEMO, OTHER)
OF_NOVA: Final = (PLACEMENT, IMAGES)
"""What a lab with nova has beside them: these ask Keystone who somebody is, and nothing else."""


def account(name: str) -> Account:
    """Return the account of that name; BadInput names those that there are."""
    for found in ACCOUNTS:
        if found.name == name:
            return found
    names = ", ".join(found.name for found in ACCOUNTS)
    raise BadInput(f"cannot act as {name!r}: the lab has no such user; it has {names}")


def environment(of: Account, auth_url: str, password: str) -> dict[str, str]:
    """Return what the openstack client reads."""
    return {
        "OS_AUTH_TYPE": "password",
        "OS_AUTH_URL": auth_url,
        "OS_IDENTITY_API_VERSION": "3",
        "OS_REGION_NAME": REGION,
        "OS_USERNAME": of.name,
        "OS_PASSWORD": password,
        "OS_PROJECT_NAME": of.project,
        "OS_USER_DOMAIN_ID": "default",
        "OS_PROJECT_DOMAIN_ID": "default",
    }


def session(of: Account, auth_url: str, password: str) -> Session:
    """Return a session that asks for a token when it first needs one."""
    auth = v3.Password(
        auth_url,
        username=of.name,
        password=password,
        project_name=of.project,
        user_domain_id="default",
        project_domain_id="default",
    )
    return Session(auth=auth, timeout=60)
