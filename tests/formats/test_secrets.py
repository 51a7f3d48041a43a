# SPDX-License-Identifier: Apache-2.0
"""Which values are secrets, and that nothing is left of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibstack.cluster.model.modifications import parse
from ibstack.fabric.errors import BadValue
from ibstack.formats.secrets import (
    WORDS,
    hidden_in,
    hidden_item,
    hidden_line,
    hidden_value,
    is_hidden,
    is_secret,
)

URL = "rabbit://openstack:hunter2@controller:5672/"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"+/etc/nova/nova.conf[DEFAULT]transport_url={URL}", "…transport_url=***"),
        ("+/etc/n.conf[keystone_authtoken]password=hunter2", "…password=***"),
        ("+/etc/n.conf[neutron]metadata_proxy_shared_secret = a=b c", "…secret =***"),
        ("+/etc/n.conf[DB]Connection=x", "…Connection=***"),
        ("-/etc/n.conf[neutron]password", "-/etc/n.conf[neutron]password"),
        ("+/etc/n.conf[neutron]password=", "+/etc/n.conf[neutron]password="),
        ("+/etc/n.conf[a]backend=http://u:hunter2@h/", "+/etc/n.conf[a]backend=http://u:***@h/"),
        ("+/etc/n.conf[agent]mode=on", "+/etc/n.conf[agent]mode=on"),
    ],
)
def test_a_modification_is_shown_without_its_secret(text: str, shown: str) -> None:
    hidden = hidden_item(text)

    assert hidden.endswith(shown.removeprefix("…"))
    assert "hunter2" not in hidden
    assert hidden_item(hidden) == hidden
    assert is_hidden(hidden) is (hidden != text)


@given(st.sampled_from(WORDS), st.text(min_size=1).filter(str.strip))
def test_no_value_of_a_secret_key_is_left(word: str, value: str) -> None:
    item = f"+/etc/neutron/neutron.conf[DEFAULT]a_{word}={value}"
    try:
        parse(item)
    except BadValue:
        return

    assert hidden_item(item) == f"+/etc/neutron/neutron.conf[DEFAULT]a_{word}=***"
    assert hidden_value(f"a_{word}", value) == "***"
    assert is_secret(f"A_{word.upper()}")


@pytest.mark.parametrize(
    "line",
    ["password = hunter2", "  token: hunter2 and more", f"a = {URL}", f"transport_url={URL}"],
)
def test_a_line_of_a_file(line: str) -> None:
    assert "hunter2" not in hidden_line(line)
    assert "***" in hidden_line(line)


def test_a_sentence_keeps_what_it_says() -> None:
    said = hidden_in("node001: cannot write /etc/a[DEFAULT]password=hunter2 there: no space")

    assert said == "node001: cannot write /etc/a[DEFAULT]password=*** there: no space"
    assert hidden_in("[a]mode = on; the secret of it") == "[a]mode = on; the secret of it"
