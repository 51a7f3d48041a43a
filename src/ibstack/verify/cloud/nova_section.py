# SPDX-License-Identifier: Apache-2.0
"""`[nova]` of Neutron's server: as whom it tells nova of ports, and what keeps it from that.

Sources: neutron/notifiers/nova.py and conf/common.py; keystoneauth1, loading/conf.py and the
options of its plugins (`auth_type`, `auth_section`; the names of former releases in brackets).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ibstack.verify.cloud.networks import Ml2

SECTION: Final = "nova"
_FALSE: Final = ("false", "0", "off", "no")  # oslo.config, types.Boolean.
NOTIFY: Final = ("notify_nova_on_port_status_changes", "notify_nova_on_port_data_changes")
# Of each group one is enough.
_WHO: Final = ("username", "user_name", "user_id")
_WHERE: Final = ("project_name", "tenant_name", "project_id", "tenant_id", "system_scope")
_DOMAINS: Final = ("default_domain_id", "default_domain_name")
_BY_PASSWORD: Final = (
    ("auth_url",),
    _WHO,
    ("password",),
    _WHERE,
)
_BY_CREDENTIAL: Final = (
    ("auth_url",),
    ("application_credential_id", "application_credential_name"),
    ("application_credential_secret",),
)
_PLUGINS: Final = {
    "password": _BY_PASSWORD,
    "v3password": _BY_PASSWORD,
    "v3applicationcredential": _BY_CREDENTIAL,
}
_USERS_DOMAIN: Final = (
    ("username", "user_name"),
    ("user_domain_name", "user_domain_id", *_DOMAINS),
)
_WITH: Final[dict[tuple[tuple[str, ...], ...], tuple[tuple[tuple[str, ...], ...], ...]]] = {
    _BY_PASSWORD: (
        _USERS_DOMAIN,
        (("project_name", "tenant_name"), ("project_domain_name", "project_domain_id", *_DOMAINS)),
    ),
    _BY_CREDENTIAL: ((("application_credential_name",), _WHO), _USERS_DOMAIN),
}
"""What a name goes with: it is one of its domain's, or of its user's."""


def faults(server: Ml2) -> list[str]:
    """Return what keeps this server from telling nova; each as `[section] option …`."""
    found = [
        f"[DEFAULT] {name} = {value}"
        for name in NOTIFY
        if (value := server.option("DEFAULT", name) or "").strip().lower() in _FALSE and value
    ]
    section = _section(server)
    kind = _kind(server, section)
    if not kind:
        return [*found, f"no [{section}] auth_type"]
    plugin = _PLUGINS.get(kind, ())
    wanted: list[tuple[str, ...]] = [*plugin]
    wanted += [others for names, others in _WITH.get(plugin, ()) if _has(server, section, names)]
    missing = [names[0] for names in wanted if not _has(server, section, names)]
    return found + [f"no [{section}] {name}" for name in missing]


def is_judged(server: Ml2) -> bool:
    """Return whether the way in which the server signs in is one that is known here."""
    return _kind(server, _section(server)) in {"", *_PLUGINS}


def user(server: Ml2) -> str | None:
    """Return the name of the user that it tells nova as; None: not by a name."""
    section = _section(server)
    told = (server.option(section, name) for name in ("username", "user_name"))
    return next((name.strip() for name in told if name and name.strip()), None)


def _section(server: Ml2) -> str:
    """Another section may hold what several sign in with."""
    return (server.option(SECTION, "auth_section") or SECTION).strip()


def _kind(server: Ml2, section: str) -> str:
    told = server.option(section, "auth_type") or server.option(section, "auth_plugin")
    return (told or "").strip()


def _has(server: Ml2, section: str, names: tuple[str, ...]) -> bool:
    return any((server.option(section, name) or "").strip() for name in names)
