"""The care state machine: what a message obliges us to do, and that nothing shortens a pause or a notice's interval."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from undertone import guardrails
from undertone.guardrails.care import CRISIS_PAUSE, CareState, Duties, advance, merge
from undertone.guardrails.disclosure import LONGEST, NOTICE, notice, notice_due
from undertone.resources import Pool
from undertone.types import Verdict

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
CALM = Verdict()


def said(level: Literal["none", "concern", "crisis"], kind: str = "suicidal") -> Verdict:
    return Verdict(crisis=level, scores={"crisis": 0.9, f"crisis.{kind}": 0.8})


def run(*steps: tuple[timedelta, Verdict]) -> tuple[CareState, list[Duties]]:
    state, owed = CareState(), list[Duties]()
    for after, verdict in steps:
        state, duties = advance(state, verdict, T0 + after)
        owed.append(duties)
    return state, owed


def test_a_crisis_brings_words_a_pause_an_alert_and_a_ledger_entry() -> None:
    state, [duties] = run((timedelta(), said("crisis", "abuse")))
    assert duties.say_crisis_words
    assert duties.record_referral
    assert duties.alert_operator
    assert duties.romance_paused
    assert duties.offers_paused
    assert duties.kind == "abuse"
    assert state.romance_until == T0 + CRISIS_PAUSE


def test_after_a_crisis_the_pause_holds_and_calm_messages_are_followed_up() -> None:
    _, owed = run((timedelta(), said("crisis")), (timedelta(hours=71), CALM), (timedelta(hours=72), CALM))
    assert owed[1].follow_up
    assert owed[1].romance_paused
    assert not owed[1].say_crisis_words
    assert not owed[2].romance_paused
    assert owed[2].level == "none"


def test_a_concern_is_asked_about_once_and_a_second_one_is_taken_as_the_answer() -> None:
    _, owed = run((timedelta(), said("concern")), (timedelta(minutes=3), said("concern")))
    assert owed[0].check_in
    assert not owed[0].say_crisis_words
    assert owed[0].offers_paused
    assert owed[1].say_crisis_words


def test_concerns_far_apart_stay_concerns() -> None:
    _, owed = run((timedelta(), said("concern")), (timedelta(hours=5), said("concern")))
    assert [d.level for d in owed] == ["concern", "concern"]
    assert owed[1].check_in


def test_operators_are_alerted_at_most_once_an_hour_but_every_crisis_gets_its_words() -> None:
    _, owed = run(*[(timedelta(minutes=20 * i), said("crisis")) for i in range(4)])
    assert [d.alert_operator for d in owed] == [True, False, False, True]
    assert all(d.say_crisis_words and d.record_referral for d in owed)


def test_the_notice_is_due_at_the_start_when_asked_and_by_the_clock() -> None:
    _, owed = run(
        (timedelta(), CALM),
        (timedelta(minutes=5), CALM),
        (timedelta(minutes=6), Verdict(asks_human=True)),
        (timedelta(hours=2, minutes=5), CALM),
        (timedelta(hours=2, minutes=6), CALM),
    )
    assert [d.disclose for d in owed] == ["start", None, "asked", None, "clock"]


def test_no_setting_turns_the_notice_off() -> None:
    assert notice_due(T0, T0 + LONGEST, every=timedelta(days=365))
    assert notice("pt-BR") == NOTICE["pt"]
    assert notice("xx") == NOTICE["en"]
    assert all("AI" in text or "IA" in text or "KI" in text for text in NOTICE.values())


minutes = st.integers(0, 6_000)
verdicts = st.builds(Verdict, crisis=st.sampled_from(["none", "concern", "crisis"]), asks_human=st.booleans())
walks = st.lists(st.tuples(minutes, verdicts), min_size=1, max_size=12)


def walk(steps: list[tuple[int, Verdict]]) -> list[tuple[datetime, CareState, Duties]]:
    """Messages in any order of clocks, as skewed replicas would send them."""
    state, seen = CareState(), list[tuple[datetime, CareState, Duties]]()
    for at, verdict in steps:
        now = T0 + timedelta(minutes=at)
        state, duties = advance(state, verdict, now)
        seen.append((now, state, duties))
    return seen


@given(walks)
def test_no_sequence_of_messages_or_clocks_shortens_a_pause(steps: list[tuple[int, Verdict]]) -> None:
    states = [state for _, state, _ in walk(steps)]
    for before, after in pairwise(states):
        for name in ("romance_until", "offers_until", "crisis_at", "disclosed_at"):
            earlier, later = getattr(before, name), getattr(after, name)
            assert earlier is None or later >= earlier


@given(walks)
def test_within_a_pause_romance_and_offers_are_always_paused(steps: list[tuple[int, Verdict]]) -> None:
    for now, state, duties in walk(steps):
        paused = state.offers_until is not None and now < state.offers_until
        assert duties.offers_paused == (paused or duties.follow_up)
        if duties.level == "crisis" and state.crisis_at is not None and now >= state.crisis_at:
            assert duties.romance_paused


@given(walks)
def test_nobody_writes_for_more_than_two_hours_without_a_notice(steps: list[tuple[int, Verdict]]) -> None:
    last = None
    for now, _, duties in walk(sorted(steps, key=lambda step: step[0])):
        if duties.disclose:
            last = now
        assert last is not None
        assert now - last < timedelta(hours=2)


states = walks.map(lambda steps: walk(steps)[-1][1])


@given(states, states, states)
def test_merging_does_not_depend_on_order(a: CareState, b: CareState, c: CareState) -> None:
    assert merge(a, b) == merge(b, a)
    assert merge(a, merge(b, c)) == merge(merge(a, b), c)
    assert merge(a, a) == a


async def test_two_replicas_that_save_at_once_keep_the_longer_pause(db: Pool) -> None:
    person = uuid4()
    hurt, _ = advance(CareState(), said("crisis", "abuse"), T0)
    calm, _ = advance(CareState(), CALM, T0 + timedelta(seconds=1))
    async with db.connection() as one, db.connection() as two:
        await guardrails.save_care(one, person, hurt)
        await one.commit()
        await guardrails.save_care(two, person, calm)
        await two.commit()
        stored, now = await guardrails.load_care(one, person)
    assert stored == merge(hurt, calm)
    assert now.tzinfo is not None


def test_a_new_person_is_owed_only_the_notice() -> None:
    _, duties = advance(CareState(), CALM, T0)
    assert duties == Duties(disclose="start")
