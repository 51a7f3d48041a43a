# SPDX-License-Identifier: Apache-2.0
from hypothesis import given
from hypothesis import strategies as st

from ibstack.fabric.partition import PROOF_KEYS
from ibstack.subnet_manager.opensm.subnet_manager import next_proof


@given(st.sampled_from(PROOF_KEYS), st.frozensets(st.sampled_from(PROOF_KEYS), max_size=6))
def test_a_fresh_proof_is_neither_in_force_nor_the_last_one(
    last: object, shown: frozenset[object]
) -> None:
    fresh = next_proof(last, shown)  # type: ignore[arg-type]

    assert fresh in PROOF_KEYS
    assert fresh != last
    assert fresh not in shown


def test_all_keys_have_their_turn() -> None:
    turn = [PROOF_KEYS[0]]
    for _ in PROOF_KEYS:
        turn.append(next_proof(turn[-1], {turn[-1]}))

    assert tuple(turn[:-1]) == PROOF_KEYS
    assert turn[-1] == PROOF_KEYS[0]
