"""What is done is decided from what is there; what belongs to the operator is never touched."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.install import plan
from bridge.install.plan import Answers, Found, gaps, left_to_do, plan_install, plan_uninstall, plan_unit
from bridge.install.steps import Folder, InstallError, Keep, Remove, Run, SetAside, Step, Write, describe
from bridge.install.unit import render, shipped

PROGRAM = Path("/opt/wbiz-bridge/bin/wbiz-bridge")
TEMPLATE = shipped()
UNIT = render(TEMPLATE, PROGRAM)
OLDER = render(TEMPLATE.replace("WatchdogSec=60", "WatchdogSec=90"), PROGRAM)
BY_HAND = UNIT.replace("WatchdogSec=60", "WatchdogSec=90")
NOTHING = Found()
TOLD_NOTHING = Answers()
YOURS = (plan.CONFIG, plan.API_KEY, plan.SLACK_URL, plan.STATE, plan.STATE_PRIVATE, plan.DROP_INS)


def installed(unit: str | None = UNIT) -> Found:
    files = frozenset({plan.FOLDER, plan.CONFIG, plan.API_KEY, plan.SLACK_URL, plan.UNIT})
    return Found(files, files - {plan.FOLDER}, unit)


def install(found: Found, answers: Answers = TOLD_NOTHING, *, force: bool = False, start: bool = False) -> list[Step]:
    return plan_install(found, answers, plan_unit(found, UNIT, TEMPLATE, force=force), start=start)


def written(steps: list[Step]) -> dict[Path, Write]:
    return {step.path: step for step in steps if isinstance(step, Write)}


def test_on_an_empty_system_all_is_written_and_only_the_configuration_is_for_everybody_to_read() -> None:
    steps = install(NOTHING, Answers(123, "the-key", "https://hooks.slack.com/services/T/B/x"))
    assert Folder(plan.FOLDER) in steps
    files = written(steps)
    assert {path: step.mode for path, step in files.items()} == {
        plan.CONFIG: 0o644,
        plan.API_KEY: 0o600,
        plan.SLACK_URL: 0o600,
        plan.UNIT: 0o644,
    }
    assert files[plan.UNIT].text == UNIT
    assert "  client_id: 123\n" in files[plan.CONFIG].text
    assert files[plan.API_KEY].text == "the-key\n"
    assert steps[-1] == Run(("systemctl", "daemon-reload"))


def test_a_second_time_only_systemd_is_told() -> None:
    assert [step for step in install(installed()) if not isinstance(step, Keep)] == [
        Run(("systemctl", "daemon-reload"))
    ]


@pytest.mark.parametrize("unit", [OLDER, TEMPLATE])
def test_an_upgrade_writes_the_unit_and_nothing_else(unit: str) -> None:
    assert list(written(install(installed(unit)))) == ([] if unit == UNIT else [plan.UNIT])


def test_a_unit_that_was_changed_by_hand_is_replaced_only_on_demand_and_kept_aside() -> None:
    with pytest.raises(InstallError, match=r"drop-in.*--force"):
        install(installed(BY_HAND))
    steps = install(installed(BY_HAND), force=True)
    aside, write = (step for step in steps if isinstance(step, SetAside | Write))
    assert aside == SetAside(plan.UNIT, Path("/etc/systemd/system/wbiz-bridge.service.bak"))
    assert write == Write(plan.UNIT, UNIT)


def test_starting_brings_a_service_that_runs_to_this_version_too() -> None:
    commands = [step.command for step in install(installed(OLDER), start=True) if isinstance(step, Run)]
    assert [command[1] for command in commands] == ["daemon-reload", "enable", "restart"]


def test_an_empty_file_for_a_key_takes_the_answer_and_a_full_one_stays() -> None:
    empty = Found(frozenset({plan.API_KEY, plan.SLACK_URL}), frozenset({plan.SLACK_URL}))
    steps = install(empty, Answers(api_key="new", slack_url="new"))
    assert written(steps)[plan.API_KEY].text == "new\n"
    assert plan.SLACK_URL not in written(steps)
    assert Keep(plan.API_KEY, "still empty") in install(empty)


_SUBSETS = [frozenset(chosen) for size in range(len(YOURS) + 1) for chosen in combinations(YOURS, size)]


@given(
    present=st.sampled_from(_SUBSETS),
    unit=st.sampled_from([None, UNIT, OLDER, TEMPLATE, BY_HAND]),
    answers=st.builds(Answers, st.sampled_from([None, 5]), st.sampled_from(["", "k"]), st.sampled_from(["", "s"])),
)
def test_whatever_is_there_nothing_that_is_yours_is_written_over_or_removed(
    present: frozenset[Path], unit: str | None, answers: Answers
) -> None:
    found = Found(present | ({plan.UNIT} if unit else frozenset()), present, unit)
    for step in install(found, answers, force=True) + plan_uninstall(found, template=TEMPLATE, purge=False):
        assert not (isinstance(step, Write | Remove | SetAside) and step.path in present)
        assert not (isinstance(step, Write | Remove) and step.path == plan.UNIT and unit == BY_HAND) or SetAside(
            plan.UNIT, plan.UNIT_ASIDE
        ) in install(found, answers, force=True)


def todo(found: Found, answers: Answers) -> list[str]:
    return left_to_do(found, gaps(found, answers), PROGRAM)


def test_what_is_left_to_do_is_what_was_not_told() -> None:
    assert [line.rpartition(" ")[2] for line in todo(NOTHING, TOLD_NOTHING)] == [
        str(plan.CONFIG),
        str(plan.API_KEY),
        str(plan.SLACK_URL),
        str(plan.CONFIG),
        str(plan.CONFIG),
        "wbiz-bridge",
    ]
    assert gaps(NOTHING, Answers(5, "k", "s")) == []
    assert todo(NOTHING, Answers(5, "k", "s")) == [
        "fill in the ids of your messages, in /etc/wbiz-bridge/config.yaml",
        "is all of it right?  /opt/wbiz-bridge/bin/wbiz-bridge check --online -c /etc/wbiz-bridge/config.yaml",
        "start it:  systemctl enable --now wbiz-bridge",
    ]


def test_nobody_knows_what_a_configuration_lacks_that_was_there_before() -> None:
    assert gaps(Found(frozenset({plan.CONFIG})), TOLD_NOTHING) == []


def test_a_service_that_starts_with_the_machine_has_to_be_started_again_after_an_upgrade() -> None:
    found = installed(OLDER)
    assert todo(found, TOLD_NOTHING)[-1] == "start it:  systemctl enable --now wbiz-bridge"
    enabled = Found(found.present | {plan.WITH_THE_MACHINE}, found.filled, OLDER)
    assert todo(enabled, TOLD_NOTHING)[-1] == "start it:  systemctl restart wbiz-bridge"


def test_uninstalling_stops_the_service_before_its_unit_goes() -> None:
    steps = plan_uninstall(installed(), template=TEMPLATE, purge=False)
    assert steps[:3] == [
        Run(("systemctl", "disable", "--now", "wbiz-bridge.service")),
        Remove(plan.UNIT),
        Run(("systemctl", "daemon-reload")),
    ]
    assert steps[3:] == [Keep(plan.FOLDER, "configuration and keys")]


def test_uninstalling_keeps_a_unit_that_was_changed_by_hand_aside() -> None:
    assert SetAside(plan.UNIT, plan.UNIT_ASIDE) in plan_uninstall(installed(BY_HAND), template=TEMPLATE, purge=False)


def test_purging_removes_all_of_it() -> None:
    found = Found(frozenset({plan.UNIT, plan.FOLDER, *YOURS}), frozenset(), UNIT)
    removed = {step.path for step in plan_uninstall(found, template=TEMPLATE, purge=True) if isinstance(step, Remove)}
    assert removed == {plan.UNIT, plan.FOLDER, plan.STATE, plan.STATE_PRIVATE, plan.DROP_INS}


def test_where_nothing_is_installed_there_is_nothing_to_do() -> None:
    assert plan_uninstall(NOTHING, template=TEMPLATE, purge=True) == []


def test_no_step_shows_a_secret() -> None:
    answers = Answers(123, "the-secret-key", "https://hooks.slack.com/services/the-secret")
    shown = [describe(step) + repr(step) for step in install(NOTHING, answers)]
    assert "the-secret" not in "".join([*shown, repr(answers)])
