# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path

import pytest

from ibstack.fabric.errors import Refused, TryLater
from ibstack.fabric.guid import Guid
from ibstack.fabric.partition import PROOF_KEYS, Membership, Partition, PartitionKey
from ibstack.subnet_manager.opensm.partitions_conf import PartitionsFile, render
from ibstack.subnet_manager.opensm.partitions_file_store import (
    FileOwner,
    NotOurFile,
    PartitionsFileStore,
)

RED = PartitionKey(0x0101)
FILE = PartitionsFile(PROOF_KEYS[0], {RED: Partition(RED, {Guid(1): Membership.FULL})})
OTHER = PartitionsFile(PROOF_KEYS[1])


@pytest.fixture
def publication(tmp_path: Path) -> PartitionsFileStore:
    return PartitionsFileStore(
        tmp_path / "partitions.conf", tmp_path / "state", frozenset({Guid(9)})
    )


def publish(publication: PartitionsFileStore, file: PartitionsFile) -> None:
    publication.settle(publication.publish(file, [Guid(1)]))


def test_what_was_published_is_ours_and_is_read_back(publication: PartitionsFileStore) -> None:
    assert publication.read().whose is FileOwner.NONE

    publish(publication, FILE)

    found = publication.read()
    assert (found.whose, found.text, found.proof) == (FileOwner.OURS, render(FILE), PROOF_KEYS[0])
    assert found.published[RED] == FILE.partitions[RED]
    assert publication.last_good.read_text() == render(FILE)
    assert publication.shared() == {str(Guid(1))}


def test_a_missing_file_is_nobodys_even_after_ours(publication: PartitionsFileStore) -> None:
    publish(publication, FILE)
    publication.path.unlink()

    assert publication.read().whose is FileOwner.NONE


@pytest.mark.parametrize(
    ("text", "whose", "faulty"),
    [
        ("Default=0x7fff: ALL=limited, SELF=full, 0x9=full;\n", FileOwner.NONE, False),
        ("Default=0x7fff: ALL=full;\n", FileOwner.OTHER, False),
        ("oops\n", FileOwner.OTHER, True),
        ("", FileOwner.OTHER, True),
    ],
)
def test_a_file_from_before_us(
    publication: PartitionsFileStore, text: str, whose: FileOwner, faulty: bool
) -> None:
    publication.path.write_text(text)

    found = publication.read()

    assert (found.whose, bool(found.faults)) == (whose, faulty)


@pytest.mark.parametrize("edit", ["oops\n", "", render(FILE) + "# mine\n", render(OTHER)])
def test_an_edit_is_seen_and_can_be_undone(publication: PartitionsFileStore, edit: str) -> None:
    publish(publication, FILE)
    publication.path.write_text(edit)
    assert publication.read().whose is FileOwner.EDITED

    publication.restore()

    assert publication.read().whose is FileOwner.OURS
    assert publication.path.read_text() == render(FILE)
    assert publication.replaced.read_text() == edit


def test_a_directory_in_its_place_is_reported(publication: PartitionsFileStore) -> None:
    publication.path.mkdir()

    (fault,) = publication.read().faults

    assert "cannot be read: Is a directory" in str(fault)


def test_a_foreign_file_that_is_taken_over_is_nobodys_and_kept(
    publication: PartitionsFileStore,
) -> None:
    publication.path.write_text("oops\n")

    publication.take_over()

    assert publication.read().whose is FileOwner.NONE
    assert publication.replaced.read_text() == "oops\n"
    publish(publication, FILE)
    assert publication.read().whose is FileOwner.OURS


def test_an_order_that_is_given_twice_leaves_the_copy_of_what_was_replaced(
    publication: PartitionsFileStore,
) -> None:
    publication.path.write_text("theirs\n")
    for _ in range(2):
        publication.take_over()
        publish(publication, FILE)
    assert publication.replaced.read_text() == "theirs\n"

    publication.path.write_text("edited\n")
    for _ in range(2):
        publication.restore()
    assert publication.replaced.read_text() == "edited\n"
    assert publication.read().whose is FileOwner.OURS


def test_a_last_good_copy_that_cannot_be_read_is_told_with_a_remedy(
    publication: PartitionsFileStore,
) -> None:
    publish(publication, FILE)
    publication.last_good.write_bytes(b"\xff")
    with pytest.raises(Refused, match=r"last-good is broken \(.*\); move both away"):
        publication.restore()

    publication.last_good.unlink()
    publication.last_good.mkdir()
    with pytest.raises(
        TryLater, match=r"cannot read .*last-good: Is a directory; run this as root"
    ):
        publication.restore()


def test_what_was_published_may_be_unreadable_for_now(publication: PartitionsFileStore) -> None:
    (publication.folder / "publication.json").mkdir(parents=True)

    with pytest.raises(TryLater, match=r"cannot read .*json: Is a directory; run this as root"):
        publication.read()


def test_there_is_nothing_to_restore_before_the_first_publish(
    publication: PartitionsFileStore,
) -> None:
    with pytest.raises(Refused, match="nothing has been published"):
        publication.restore()


def test_a_link_stays_a_link_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "partitions.conf"
    link.symlink_to(tmp_path / "real" / "p.conf")
    publication = PartitionsFileStore(link, tmp_path / "state", frozenset())

    publish(publication, FILE)

    assert link.is_symlink()
    assert (tmp_path / "real" / "p.conf").read_text() == render(FILE)


def test_mode_is_kept_and_no_scratch_file_is_left(publication: PartitionsFileStore) -> None:
    publish(publication, FILE)
    publication.path.chmod(0o640)

    publish(publication, OTHER)

    assert publication.path.stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(publication.path.parent)) == ["partitions.conf", "state"]


def test_broken_state_is_never_taken_for_none(
    publication: PartitionsFileStore, tmp_path: Path
) -> None:
    publish(publication, FILE)
    (tmp_path / "state" / "publication.json").write_text("{")

    with pytest.raises(Refused, match="is broken"):
        publication.read()


def test_the_message_names_the_line_and_what_to_do(publication: PartitionsFileStore) -> None:
    publish(publication, FILE)
    publication.path.write_text("a\nb\nc\nd\ne\nf\ng;\n")

    said = str(NotOurFile(publication.path, publication.read()))

    assert f"{publication.path}:1: no partition definition: 'a' lacks a `:`" in said
    assert "partition restore" in said


@pytest.mark.parametrize("what", ["file", "state"])
def test_what_cannot_be_written_is_an_expected_trouble_and_the_old_file_stands(
    tmp_path: Path, what: str
) -> None:
    publication = PartitionsFileStore(tmp_path / "partitions.conf", tmp_path / "state", frozenset())
    publish(publication, FILE)
    # The next file's place is taken, as the last byte of a disk may be.
    full = {"file": publication.path, "state": tmp_path / "state" / "publication.json"}[what]
    full.with_name(f".{full.name}.ibstack-new").mkdir()

    with pytest.raises(TryLater, match=f"cannot write .*{full.name}: Is a directory"):
        publication.publish(OTHER)

    assert publication.path.read_text() == render(FILE)
    assert publication.read().whose is FileOwner.OURS
