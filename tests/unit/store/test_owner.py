"""Whose database is it: the rule, without a database."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.account import AccountId
from bridge.domain.errors import OtherAccountError
from bridge.store.owner import check, parse

REAL = "https://wbiztool.com/api/v1"
ACCOUNTS = st.builds(AccountId, st.integers(1, 3), st.sampled_from([REAL, "https://api.example/v1", "http://[::1]:1"]))


def fact(account: AccountId) -> str:
    return json.dumps(asdict(account))


@given(owner=ACCOUNTS, account=ACCOUNTS, new_address=st.booleans())
def test_database_is_refused_to_every_other_account(owner: AccountId, account: AccountId, *, new_address: bool) -> None:
    same_address = new_address or owner.base_url == account.base_url
    if owner.client_id == account.client_id and same_address:
        check("bridge.db", fact(owner), account, new_address=new_address)
        return
    with pytest.raises(OtherAccountError) as refused:
        check("bridge.db", fact(owner), account, new_address=new_address)
    words = str(refused.value)
    assert "bridge.db" in words
    assert "`database:`" in words
    assert f"client id {owner.client_id} at {owner.base_url}" in words
    assert ("--accept-base-url" in words) is (owner.client_id == account.client_id)
    assert refused.value.exit_code == 78


def test_database_without_owner_is_anybodys() -> None:
    check("bridge.db", None, AccountId(1, REAL))
    assert parse(None) is None


@given(ACCOUNTS)
def test_owner_comes_back_as_it_was_written(account: AccountId) -> None:
    assert parse(fact(account)) == account


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (REAL, "https://WBIZTOOL.com:443/api/v1", True),
        (REAL, "http://wbiztool.com/api/v1", False),
        (REAL, "https://wbiztool.com:8443/api/v1", False),
        (REAL, "https://wbiztool.com/api/v2", False),
        ("http://127.0.0.1:40001/api/v1", "http://localhost:40002/api/v1", True),
        ("http://127.0.0.1:40001/api/v1", "http://[::1]:80/api/v1", True),
        ("http://127.0.0.1:40001/api/v1", REAL, False),
    ],
)
def test_address_may_be_written_in_several_ways(one: str, other: str, *, same: bool) -> None:
    assert (AccountId(1, one).address == AccountId(1, other).address) is same
