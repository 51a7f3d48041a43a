# SPDX-License-Identifier: Apache-2.0
"""What nova needs of Neutron: the `[nova]` section, and roles; each missing piece is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from keystoneauth1 import loading
from keystoneauth1.exceptions import OptionError

from ibstack.fabric.errors import BadInput
from ibstack.facts.cloud.roles import dump_roles, load_roles
from ibstack.facts.collection import load
from ibstack.facts.evidence import DHCP_AGENT_INI, ESWITCHD_CONF, ML2_CONF, NEUTRON_CONF, Evidence
from ibstack.facts.site import RoleAssignment, Site
from ibstack.verify.check import State
from verify.judged import said_by

if TYPE_CHECKING:
    from pathlib import Path

    from ibstack.verify.check import Check

OK, FAILED, UNKNOWN = State.OK, State.FAILED, State.NOT_KNOWN
ML2 = "[ml2]\nmechanism_drivers = infiniband\n"
NOVA = {
    "auth_type": "password",
    "auth_url": "http://controller:5000",
    "username": "neutron",
    "password": "(hidden)",
    "project_name": "service",
    "user_domain_name": "Default",
    "project_domain_name": "Default",
}
CREDENTIAL = {
    "auth_type": "v3applicationcredential",
    "auth_url": "http://controller:5000",
    "application_credential_id": "a",
    "application_credential_secret": "(hidden)",
}
BY_NAME = {
    "auth_type": "v3applicationcredential",
    "auth_url": "http://controller:5000",
    "application_credential_name": "neutron to nova",
    "application_credential_secret": "(hidden)",
    "username": "neutron",
    "user_domain_name": "Default",
}


def section(name: str, keys: dict[str, str]) -> str:
    return f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


def controller(neutron_conf: str | None, **texts: str) -> Evidence:
    found = {ML2_CONF: ML2, **texts}
    if neutron_conf is not None:
        found[NEUTRON_CONF] = neutron_conf
    return Evidence("controller", found)


def told(neutron_conf: str | None) -> Check:
    (check,) = said_by("nova-told", controller(neutron_conf))
    return check


def without(keys: dict[str, str], *names: str) -> dict[str, str]:
    return {key: value for key, value in keys.items() if key not in names}


@pytest.mark.parametrize("name", list(NOVA))
def test_each_piece_of_the_section_that_is_missing_is_named(name: str) -> None:
    check = told(section("nova", without(NOVA, name)))

    assert (check.state, check.found) == (FAILED, f"no [nova] {name}")
    empty = told(section("nova", {**NOVA, name: ""}))
    assert (empty.state, empty.found) == (FAILED, f"no [nova] {name}")


@pytest.mark.parametrize("name", list(without(CREDENTIAL, "auth_type")))
def test_each_piece_of_an_application_credential_that_is_missing_is_named(name: str) -> None:
    assert told(section("nova", CREDENTIAL)).state is OK

    assert told(section("nova", without(CREDENTIAL, name))).found == f"no [nova] {name}"


@pytest.mark.parametrize("value", ["false", "False", "0", "no", "off"])
@pytest.mark.parametrize(
    "name", ["notify_nova_on_port_status_changes", "notify_nova_on_port_data_changes"]
)
def test_a_server_that_is_to_tell_nothing_is_named(name: str, value: str) -> None:
    check = told(section("DEFAULT", {name: value}) + section("nova", NOVA))

    assert (check.state, check.found) == (FAILED, f"[DEFAULT] {name} = {value}")


@pytest.mark.parametrize(
    "text",
    [
        section("nova", NOVA),
        section("DEFAULT", {"notify_nova_on_port_status_changes": "true"}) + section("nova", NOVA),
        section("nova", {"auth_section": "shared"}) + section("shared", NOVA),
        section("nova", without(NOVA, "auth_type") | {"auth_plugin": "v3password"}),
        section("nova", without(NOVA, "username") | {"user_name": "neutron"}),
        section("nova", without(NOVA, "project_name") | {"tenant_name": "service"}),
        section(
            "nova",
            without(NOVA, "username", "user_domain_name") | {"user_id": "u"},
        ),
        section(
            "nova",
            without(NOVA, "user_domain_name", "project_domain_name")
            | {"default_domain_id": "default"},
        ),
    ],
)
def test_other_spellings_of_a_whole_section_hold(text: str) -> None:
    assert told(text).state is OK


@pytest.mark.parametrize("keys", [NOVA | {"auth_type": "v3password"}, CREDENTIAL, BY_NAME])
def test_what_keystoneauth_itself_refuses_is_a_fault(keys: dict[str, str]) -> None:
    """Its own loader is the judge of each section with a piece left out."""
    assert told(section("nova", keys)).state is OK
    assert not is_refused(keys)
    refused = [name for name in keys if name != "auth_type" and is_refused(without(keys, name))]
    assert len(refused) >= 2
    for name in refused:
        assert told(section("nova", without(keys, name))).state is FAILED


def is_refused(keys: dict[str, str]) -> bool:
    plugin: Any = loading.get_plugin_loader(keys["auth_type"])
    try:
        # As from a file: what is not set is None.
        plugin.load_from_options(
            **{each.dest: keys.get(each.dest) for each in plugin.get_options()}
        )
    except OptionError:
        return True
    return False


@pytest.mark.parametrize("text", [section("nova", {"auth_type": "v3token"}), None])
def test_what_cannot_be_judged_is_not_known(text: str | None) -> None:
    assert told(text).state is UNKNOWN


def test_without_a_server_nothing_is_known() -> None:
    (check,) = said_by("nova-told", Evidence("node001", {}))

    assert check.state is UNKNOWN


def roles(*assignments: tuple[str, str, str]) -> tuple[RoleAssignment, ...]:
    return tuple(RoleAssignment(*each) for each in assignments)


WHOLE = roles(
    *(
        (user, role, "service@Default")
        for user in ("nova", "neutron")
        for role in ("admin", "service")
    )
)


def judged(found: Any, **texts: str) -> dict[str, Check]:
    site = Site({"controller": controller(section("nova", NOVA), **texts)}, roles=found)
    return {each.thing: each for each in said_by("service-roles", site)}


def test_both_roles_of_both_users_hold() -> None:
    checks = judged(WHOLE)

    assert {thing: check.state for thing, check in checks.items()} == {
        "user nova": OK,
        "user neutron": OK,
    }


@pytest.mark.parametrize("missing", WHOLE, ids=lambda each: f"{each.user}-{each.role}")
def test_each_role_that_is_missing_is_named_with_what_gives_it(missing: RoleAssignment) -> None:
    checks = judged(tuple(each for each in WHOLE if each is not missing))

    failed = {thing for thing, check in checks.items() if check.state is FAILED}
    assert failed == {f"user {missing.user}"}
    said = checks[f"user {missing.user}"].remedy
    assert f"`openstack role add --user {missing.user} --project service {missing.role}`" in said


def test_roles_in_two_projects_are_not_both_in_one() -> None:
    split = roles(("nova", "admin", "admin@Default"), ("nova", "service", "service@Default"))
    checks = judged((*split, *WHOLE[2:]))

    assert checks["user nova"].state is FAILED


def test_a_user_without_any_role_is_named() -> None:
    check = judged(WHOLE[:2])["user neutron"]

    assert (check.state, check.found) == (FAILED, "no role in any project")


def test_users_are_those_that_the_files_name() -> None:
    other = [RoleAssignment("compute", each.role, each.project) for each in WHOLE[:2]]
    nova_conf = {"etc/nova/nova.conf": "[neutron]\nusername = compute\n"}

    assert judged((*other, *WHOLE[2:]), **nova_conf).keys() == {"user compute", "user neutron"}


def test_where_no_file_names_neutrons_user_that_is_not_known() -> None:
    site = Site({"c": controller("[nova]\nauth_section = elsewhere\n")}, roles=WHOLE)
    states = [(each.thing, each.state) for each in said_by("service-roles", site)]

    assert states == [("user nova", OK), ("", UNKNOWN)]


def test_roles_that_were_not_collected_are_not_known() -> None:
    (check,) = said_by("service-roles", Site({"c": controller(section("nova", NOVA))}))

    assert check.state is UNKNOWN


CLIENT = [
    {"Role": role, "User": "nova@Default", "Group": "", "Project": "service@Default", "Domain": ""}
    for role in ("admin", "service")
]
API = [
    {
        "role": {"id": "r", "name": role},
        "user": {"id": "u", "name": "nova", "domain": {"id": "default", "name": "Default"}},
        "scope": {"project": {"id": "p", "name": "service", "domain": {"name": "Default"}}},
    }
    for role in ("admin", "service")
]
OF_SYSTEM = {
    "role": {"name": "admin"},
    "user": {"name": "root"},
    "scope": {"system": {"all": True}},
}
OF_GROUP = {**API[0], "group": {"name": "g"}}
del OF_GROUP["user"]


@pytest.mark.parametrize(
    "text", [json.dumps(CLIENT), json.dumps({"role_assignments": [*API, OF_SYSTEM, OF_GROUP]})]
)
def test_both_forms_of_the_list_are_read(text: str) -> None:
    assert load_roles(text, "roles.json") == WHOLE[:2]
    assert load_roles(dump_roles(WHOLE), "roles.json") == WHOLE


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty"),
        ("<html>", "it is a page of HTML"),
        ("[{", "JSON that ends in the middle"),
        ("{}", "it has no `role_assignments`"),
        ('{"error": {"code": 403, "message": "You are not authorized"}}', "You are not authorized"),
        ("[1]", "assignment 1 is a number"),
        # Without --names, and without include_names: ids alone.
        ('[{"Role": "8f", "Member": "x"}]', "assignment 1 has no names"),
        (
            json.dumps({"role_assignments": [{**API[0], "user": {"id": "u"}}]}),
            "assignment 1 has no names",
        ),
    ],
)
def test_what_is_no_list_of_roles_is_said(text: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_roles(text, "site/roles.json")

    assert str(caught.value).startswith("cannot read site/roles.json: ")
    assert said in str(caught.value)
    assert "`openstack role assignment list --names --effective -f json`" in str(caught.value)


KOLLA = "controller/etc/kolla/neutron-server"
PUPPET = "controller/var/lib/config-data/puppet-generated/neutron/etc/neutron"


@pytest.mark.parametrize(
    ("conf", "ml2"),
    [
        (f"{KOLLA}/neutron.conf", f"{KOLLA}/ml2_conf.ini"),
        (f"{PUPPET}/neutron.conf", f"{PUPPET}/plugins/ml2/ml2_conf.ini"),
    ],
)
def test_the_files_of_containers_are_read_and_named(tmp_path: Path, conf: str, ml2: str) -> None:
    for name, text in ((conf, section("nova", without(NOVA, "password"))), (ml2, ML2)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    site = load(tmp_path)

    (driver,) = said_by("mechanism-driver", site)
    (nova,) = said_by("nova-told", site)
    assert (driver.state, driver.source) == (OK, ml2.removeprefix("controller"))
    assert (nova.found, nova.source) == ("no [nova] password", conf.removeprefix("controller"))


def test_kollas_dhcp_agent_is_judged() -> None:
    host = Evidence(
        "net1",
        {
            "etc/kolla/neutron-dhcp-agent/dhcp_agent.ini": "[DEFAULT]\ninterface_driver = ipoib\n",
            ESWITCHD_CONF: "[eswitch]\n",
        },
        frozenset({DHCP_AGENT_INI.rpartition("/")[0]}),
    )
    (check,) = said_by("dhcp-drivers", host)

    assert check.state is FAILED
    assert check.source == "/etc/kolla/neutron-dhcp-agent/dhcp_agent.ini"
