"""What is done is decided from what is there; what belongs to the operator is never touched."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cli.service.actions import Folder, InstallError, Keep, Remove, Run, SetAside, Step, Write, describe
from bridge.cli.service.paths import ONLY, Layout
from bridge.cli.service.plan import (
    Answers,
    Found,
    gaps,
    left_to_do,
    plan_install,
    plan_start,
    plan_uninstall,
    plan_unit,
)
from bridge.cli.service.unit_file import render, shipped
from bridge.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


PROGRAM = Path("/opt/wbiz-bridge/bin/wbiz-bridge")
TEMPLATE = shipped()
UNIT = render(TEMPLATE, PROGRAM)
OLDER = render(TEMPLATE.replace("WatchdogSec=60", "WatchdogSec=90"), PROGRAM)
BY_HAND = UNIT.replace("WatchdogSec=60", "WatchdogSec=90")
NOTHING = Found()
TOLD_NOTHING = Answers()
YOURS = (ONLY.config, ONLY.api_key, ONLY.slack_url, ONLY.state, ONLY.state_private, ONLY.drop_ins)


def installed(unit: str | None = UNIT) -> Found:
    files = frozenset({ONLY.folder, ONLY.config, ONLY.api_key, ONLY.slack_url, ONLY.unit})
    return Found(files, files - {ONLY.folder}, unit)


def install(found: Found, answers: Answers = TOLD_NOTHING, *, force: bool = False) -> list[Step]:
    return plan_install(ONLY, found, answers, plan_unit(ONLY, found, UNIT, TEMPLATE, force=force))


def written(steps: list[Step]) -> dict[Path, Write]:
    return {step.path: step for step in steps if isinstance(step, Write)}


def test_on_an_empty_system_all_is_written_and_only_the_configuration_is_for_everybody_to_read() -> None:
    steps = install(NOTHING, Answers(123, "the-key", "https://hooks.slack.com/services/T/B/x"))
    assert Folder(ONLY.folder) in steps
    files = written(steps)
    assert {path: step.mode for path, step in files.items()} == {
        ONLY.config: 0o644,
        ONLY.api_key: 0o600,
        ONLY.slack_url: 0o600,
        ONLY.unit: 0o644,
    }
    assert files[ONLY.unit].text == UNIT
    assert "  client_id: 123\n" in files[ONLY.config].text
    assert files[ONLY.api_key].text == "the-key\n"
    assert steps[-1] == Run(("systemctl", "daemon-reload"))


def test_a_second_time_only_systemd_is_told() -> None:
    assert [step for step in install(installed()) if not isinstance(step, Keep)] == [
        Run(("systemctl", "daemon-reload"))
    ]


@pytest.mark.parametrize("unit", [OLDER, TEMPLATE])
def test_an_upgrade_writes_the_unit_and_nothing_else(unit: str) -> None:
    assert list(written(install(installed(unit)))) == ([] if unit == UNIT else [ONLY.unit])


def test_a_unit_that_was_changed_by_hand_is_replaced_only_on_demand_and_kept_aside() -> None:
    with pytest.raises(InstallError, match=r"drop-in.*--force"):
        install(installed(BY_HAND))
    steps = install(installed(BY_HAND), force=True)
    aside, write = (step for step in steps if isinstance(step, SetAside | Write))
    assert aside == SetAside(ONLY.unit, Path("/etc/systemd/system/wbiz-bridge.service.bak"))
    assert write == Write(ONLY.unit, UNIT)


def test_starting_brings_a_service_that_runs_to_this_version_too() -> None:
    commands = [step.command for step in plan_start(ONLY) if isinstance(step, Run)]
    assert commands == [("systemctl", "enable", "wbiz-bridge"), ("systemctl", "restart", "wbiz-bridge")]


def test_an_empty_file_for_a_key_takes_the_answer_and_a_full_one_stays() -> None:
    empty = Found(frozenset({ONLY.api_key, ONLY.slack_url}), frozenset({ONLY.slack_url}))
    steps = install(empty, Answers(api_key="new", slack_url="new"))
    assert written(steps)[ONLY.api_key].text == "new\n"
    assert ONLY.slack_url not in written(steps)
    assert Keep(ONLY.api_key, "still empty") in install(empty)


_SUBSETS = [frozenset(chosen) for size in range(len(YOURS) + 1) for chosen in combinations(YOURS, size)]


@given(
    present=st.sampled_from(_SUBSETS),
    unit=st.sampled_from([None, UNIT, OLDER, TEMPLATE, BY_HAND]),
    answers=st.builds(Answers, st.sampled_from([None, 5]), st.sampled_from(["", "k"]), st.sampled_from(["", "s"])),
)
def test_whatever_is_there_nothing_that_is_yours_is_written_over_or_removed(
    present: frozenset[Path], unit: str | None, answers: Answers
) -> None:
    found = Found(present | ({ONLY.unit} if unit else frozenset()), present, unit)
    for step in install(found, answers, force=True) + plan_uninstall(ONLY, found, template=TEMPLATE, purge=False):
        assert not (isinstance(step, Write | Remove | SetAside) and step.path in present)
        assert not (isinstance(step, Write | Remove) and step.path == ONLY.unit and unit == BY_HAND) or SetAside(
            ONLY.unit, ONLY.unit_aside
        ) in install(found, answers, force=True)


def todo(found: Found, answers: Answers, faults: Sequence[str] = ()) -> list[str]:
    return left_to_do(ONLY, found, gaps(ONLY, found, answers), faults, PROGRAM)


def test_what_is_left_to_do_is_what_was_not_told() -> None:
    assert [line.rpartition(" ")[2] for line in todo(NOTHING, TOLD_NOTHING)] == [
        str(ONLY.config),
        str(ONLY.api_key),
        str(ONLY.slack_url),
        str(ONLY.config),
        "wbiz-bridge",
    ]
    assert gaps(ONLY, NOTHING, Answers(5, "k", "s")) == []
    assert todo(NOTHING, Answers(5, "k", "s")) == [
        "is all of it right?  /opt/wbiz-bridge/bin/wbiz-bridge check --online -c /etc/wbiz-bridge/config.yaml",
        "start it:  systemctl enable --now wbiz-bridge",
    ]


def test_what_is_wrong_with_a_configuration_is_left_to_do() -> None:
    assert todo(installed(), TOLD_NOTHING, ["config.yaml:3:5: x"])[0] == "fix config.yaml:3:5: x"


def test_nobody_knows_what_a_configuration_lacks_that_was_there_before() -> None:
    assert gaps(ONLY, Found(frozenset({ONLY.config})), TOLD_NOTHING) == []


def test_a_service_that_starts_with_the_machine_has_to_be_started_again_after_an_upgrade() -> None:
    found = installed(OLDER)
    assert todo(found, TOLD_NOTHING)[-1] == "start it:  systemctl enable --now wbiz-bridge"
    enabled = Found(found.present | {ONLY.with_the_machine}, found.filled, OLDER)
    assert todo(enabled, TOLD_NOTHING)[-1] == "start it:  systemctl restart wbiz-bridge"


def test_uninstalling_stops_the_service_before_its_unit_goes() -> None:
    steps = plan_uninstall(ONLY, installed(), template=TEMPLATE, purge=False)
    assert steps[:3] == [
        Run(("systemctl", "disable", "--now", "wbiz-bridge")),
        Remove(ONLY.unit),
        Run(("systemctl", "daemon-reload")),
    ]
    assert steps[3:] == [Keep(ONLY.folder, "configuration and keys")]


def test_uninstalling_keeps_a_unit_that_was_changed_by_hand_aside() -> None:
    assert SetAside(ONLY.unit, ONLY.unit_aside) in plan_uninstall(
        ONLY, installed(BY_HAND), template=TEMPLATE, purge=False
    )


def test_purging_removes_all_of_it() -> None:
    found = Found(frozenset({ONLY.unit, ONLY.folder, *YOURS}), frozenset(), UNIT)
    removed = {
        step.path for step in plan_uninstall(ONLY, found, template=TEMPLATE, purge=True) if isinstance(step, Remove)
    }
    assert removed == {ONLY.unit, ONLY.folder, ONLY.state, ONLY.state_private, ONLY.drop_ins}


def test_where_nothing_is_installed_there_is_nothing_to_do() -> None:
    assert plan_uninstall(ONLY, NOTHING, template=TEMPLATE, purge=True) == []


def test_no_step_shows_a_secret() -> None:
    answers = Answers(123, "the-secret-key", "https://hooks.slack.com/services/the-secret")
    shown = [describe(step) + repr(step) for step in install(NOTHING, answers)]
    assert "the-secret" not in "".join([*shown, repr(answers)])


# One of several accounts

SHOP = Layout("shop")
SHARED = shipped(SHOP)
OTHERS = {"support": "http: {listen: 127.0.0.1:8096}\n"}
INSTALLED = frozenset({SHOP.folder, SHOP.config, SHOP.api_key, SHOP.slack_url, SHOP.unit, SHOP.with_the_machine})


def test_an_account_s_service_has_a_folder_keys_and_a_port_of_its_own() -> None:
    found = Found(others=OTHERS)
    unit_steps = plan_unit(SHOP, found, render(SHARED, PROGRAM, SHOP), SHARED, force=False)
    steps = plan_install(SHOP, found, Answers(5, "k", "s"), unit_steps)
    files = written(steps)
    assert set(map(str, files)) == {
        "/etc/wbiz-bridge/shop/config.yaml",
        "/etc/wbiz-bridge/shop/wbiztool-api-key",
        "/etc/wbiz-bridge/shop/slack-url",
        "/etc/systemd/system/wbiz-bridge@.service",
    }
    config = files[SHOP.config].text
    assert "${CREDENTIALS_DIRECTORY:-/etc/wbiz-bridge/shop}/wbiztool-api-key" in config
    assert "\n  listen: 127.0.0.1:8097\n" in config
    assert [step.command for step in steps if isinstance(step, Run)] == [
        ("systemctl", "daemon-reload"),
    ]
    assert Run(("systemctl", "restart", "wbiz-bridge@shop")) in plan_start(SHOP)


def test_the_unit_that_accounts_share_is_the_same_whichever_is_installed() -> None:
    assert render(SHARED, PROGRAM, SHOP) == render(SHARED, PROGRAM, Layout("support"))


def uninstall_shop(found: Found, *, purge: bool = False) -> list[Step]:
    return plan_uninstall(SHOP, found, template=SHARED, purge=purge)


def test_the_shared_unit_goes_with_the_last_account() -> None:
    kept = uninstall_shop(Found(INSTALLED, others=OTHERS), purge=True)
    assert Keep(SHOP.unit, "for support") in kept
    assert Run(("systemctl", "disable", "--now", "wbiz-bridge@shop")) in kept
    assert {step.path for step in kept if isinstance(step, Remove)} == {SHOP.folder}
    assert Remove(SHOP.unit) in uninstall_shop(Found(INSTALLED))


def test_an_account_that_has_no_service_is_not_taken_for_one_that_has() -> None:
    assert uninstall_shop(Found(frozenset({SHOP.unit}), others=OTHERS), purge=True) == []


def test_other_accounts_keys_are_not_purged_with_the_folder_they_are_in() -> None:
    with pytest.raises(InstallError, match="--instance support"):
        plan_uninstall(ONLY, Found(frozenset({ONLY.folder}), others=OTHERS), template=TEMPLATE, purge=True)
    assert plan_uninstall(ONLY, Found(frozenset({ONLY.folder}), others=OTHERS), template=TEMPLATE, purge=False)


@pytest.mark.parametrize("name", ["", "Shop", "a b", "../x", "x" * 20, "-x", "a@b", "ä", "a.b", "shop\n"])
def test_a_name_that_a_user_or_a_unit_cannot_have_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="not usable as an instance's name"):
        Layout(name)
