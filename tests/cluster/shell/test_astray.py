# SPDX-License-Identifier: Apache-2.0
"""Whatever of a script fails to lead somewhere: nothing is done to an object that it did not mean.

Each block of a random script goes to an object in one of the ways that people write, often to one
that is not there, and labels where it is with the name of what it meant.
"""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.shell.shells import Shell
from ibstack.cluster.model.entity import EntityPath
from ibstack.cluster.model.value import Value
from ibstack.cluster.shell.session import Session

THERE = ("node001", "node002", "headnode")
MISSING = ("node00X", "node099", "interfaces")
WAYS = (
    "use {0}",
    "device use {0}",
    "device\nuse {0}",
    "home\ndevice\nuse {0}",
    "device; use {0}",
    "devcie\nuse {0}",
    "use -x {0}",
    "use {0} {0}",
    "use `{0}`",
    "use {0} )",
    "add physicalnode {0} 10.141.0.400",
    "clone nothing {0}",
    "range -n {0}",
    "interfaces {0}\nexit",
    "device interfaces {0}\nuse BOOTIF\nexit\nexit",
    "roles\nexit\nuse {0}",
    "category use {0}\ndevice\nuse {0}",
    "category use nothing; roles; use {0}\ndevice use {0}",
    "category use nothing; device; use {0}",
    "device use nothing; interfaces; exit; exit; use {0}",
    "category use nothing; home; device use {0}",
)
LABELS = ("set notes {0}", "append notes {0}", "time set notes {0}", "clear mac; set notes {0}")
AWAY = ("", "exit", "home\ndevice", "category")


@st.composite
def blocks(draw: st.DrawFn) -> str:
    name = draw(st.sampled_from((*THERE, *MISSING)))
    parts = (draw(st.sampled_from(choices)) for choices in (WAYS, LABELS, AWAY))
    return "\n".join(part.format(name) for part in parts)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(script=st.lists(blocks(), min_size=1, max_size=6))
def test_no_object_is_labelled_but_by_what_means_it(shell: Shell, script: list[str]) -> None:
    session = shell.session
    session.finished = False
    session.run("home; refresh; device")

    for line in "\n".join(script).splitlines():
        session.run(line)
        # At the top exit leaves.
        session.finished = False

    assert all(label == path.name for path, label in labels(session)), script


def test_who_sees_the_prompt_goes_on_from_where_it_says_and_the_judge_tells(shell: Shell) -> None:
    shell.session.interpreter.attended = True
    shell.type("device", "use node001", "use node00X", "set notes node00X")

    assert [label for _, label in labels(shell.session)] == ["node00X"]


def labels(session: Session) -> list[tuple[EntityPath, Value]]:
    """Return the objects that were labelled, with their labels."""
    entities = [entity for entity in session.draft.edits.values() if entity is not None]
    return [(each.path, each.values["notes"]) for each in entities if "notes" in each.values]
