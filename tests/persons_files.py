# SPDX-License-Identifier: Apache-2.0
"""Partitions files as people write them: mostly right, in every spelling, with slips.

None makes OpenSM read behind the end of its line: an mgid has a flag behind it, and no `;` stands
alone on its line.  Those are for our reader only.
"""

from __future__ import annotations

from hypothesis import strategies as st

from one_opensm import OTHERS, SELF

A, B, C = OTHERS
_NAMES = st.sampled_from(["Default", "a", "b", "two words", "x-1_y.z", "", "5", "0x104", "n"])
_GOOD_KEYS = st.sampled_from(
    ["=0x7fff", "=0x101", "=0x102", "=0x8101", "= 0x102 ", "=0xffff", "=258", "=0401", "=0x10102"]
)
_ODD_KEYS = st.sampled_from(["=-1", "=0X101", "=0x0", "=0x8000", ""])
_BAD_KEYS = st.sampled_from(["=", "=zz", "=0x103x", "=08", "=0x"])
_FLAGS_OF_GROUPS = """
    mtu=4 mtu=5 mtu=1 mtu=0x4 mtu=9 mtu=0 mtu=260 mtu=4x mtu mtu= m=5 rate=3 rate=7 rate=22 rate=2
    rate=1 rate=25 rate=63 rate=0 rate=134 rate=131 r=6 scope=2 scope=5 scope=0xe scope=16 scope=0
    s=3 sl=1 sl=3 sl=16 sl= sl=2x Q_Key=0x1234 Q_Key=0 Q_Key=0x80000001 TClass=3 TClass=257
    FlowLabel=9 FlowLabel=0x100000 Flow=5
"""
_GROUP_FLAGS = st.sampled_from(_FLAGS_OF_GROUPS.split())
_OTHER_FLAGS = """
    ipoib ipoib ipoib ipoib indx0 defmember=full defmember=limited ipoib=1 ip IPOIB ipiob i
    defmember=f defmember=both defmember=xx defmember defmember= d=full indx =4 Default rate
"""
_FLAGS = st.sampled_from(_OTHER_FLAGS.split()) | _GROUP_FLAGS
_WHO = st.one_of(
    st.sampled_from([str(A), str(B), str(C), str(SELF), "ALL", "ALL_CAS", "ALL_SWITCHES"]),
    st.sampled_from(["SELF", "ALL_ROUTERS", "AL", "A", "ALL_", "ALL_C", "S", "NONE", "N", ""]),
    st.sampled_from([str(A).upper(), hex(B.value), str(C.value), f"0{A.value:o}", "0x99"]),
    st.sampled_from(["-5", "0x10002c90300000041", "0xffffffffffffffff", "+0x99"]),
)
_NOBODY = st.sampled_from(["all", "node[001-003]", "0x0", "0", "zz", f"{A.value:016x}", "0x9 9"])
_HOW = st.one_of(
    st.sampled_from(["", "=full", "=limited", " = full", "=both"]),
    st.sampled_from(["=f", "=limi", "=Full", "=xyz", "=", "=b", "=full=x", "=ful1"]),
)
_MGIDS = """
    ff12:401b::16 ff12:601b::2 ff12:401b:8101::16 ff12:401b:8102::5 ff12:401b::ffff:ffff
    ff12:401b:ffff::ffff:ffff ff12::1 ff15::2 ff15:401b::7 ff32::9 ff12:a01b::1 ff15:a01b::1
    ff12::1:2:3 FF12::A ff12::1.2.3.4 fe80::1 zz ff12::1%1 ff12:::1
"""
_MGID = st.sampled_from(_MGIDS.split())
_OF_ITS_OWN = st.sampled_from(["sl=0", "sl=1", "Q_Key=0x1234", "zz", "1"])
_BREAKS = st.sampled_from([", ", ",", " ,\t", ",\n  ", "\n", ",\n# between\n ", "\n\n  "])
_ENDS = st.sampled_from([";\n", " ; \n", "; # talk; ALL=full\n"])
_BAD_ENDS = st.sampled_from([";", "\n", ";\r\n"])
_COLONS = st.sampled_from([":", " : ", ": # of all these\n  ", ":\n\t"])
_TALK = st.sampled_from(["# talk\n", "\n", " \t\n", "# \u00fc: ALL=full;\n", "#\n"])
_OF_RHEL = "Default=0x7fff, rate=3, mtu=4, scope=2, defmember=full:\n"
_DEFAULT = st.sampled_from(
    [
        "",
        "Default=0x7fff,ipoib:ALL=full;\n",
        "Default=0x7fff: ALL=limited, SELF=full;\n",
        f"{_OF_RHEL}        ALL, ALL_SWITCHES=full;\n",
        "Default=0xffff,ipoib,indx0,defmember=full : ALL;\n",
        "\ufeffDefault=0x7fff: ALL;\n",
    ]
)


@st.composite
def _statements(draw: st.DrawFn) -> str:
    slip = draw(st.sampled_from(["", "", "", "", "", "", "", "key", "member", "end"]))
    key = draw(_BAD_KEYS if slip == "key" else st.one_of(_GOOD_KEYS, _GOOD_KEYS, _ODD_KEYS))
    flags = draw(st.lists(_FLAGS, max_size=3))
    parts = [draw(_NAMES), key, *(f" ,{flag}" for flag in flags), draw(_COLONS)]
    for place in range(draw(st.integers(0, 4))):
        who = draw(_NOBODY if slip == "member" and not place else _WHO)
        parts += [who, draw(_HOW), draw(_BREAKS)]
        if not draw(st.integers(0, 2)):
            of_group = draw(st.lists(_OF_ITS_OWN | _GROUP_FLAGS, min_size=1, max_size=2))
            parts.append(f"\n mgid={draw(_MGID)}," + ",".join(of_group) + " # group\n")
    end = draw(_BAD_ENDS if slip == "end" else _ENDS)
    return "".join([*parts, draw(_WHO.filter(bool)), draw(_HOW), end])


@st.composite
def persons_files(draw: st.DrawFn) -> bytes:
    """Return the bytes of one file."""
    parts = [draw(_DEFAULT)]
    for _ in range(draw(st.integers(0, 3))):
        parts += [draw(st.just("") | _TALK), draw(_statements())]
    return "".join(parts).encode()
