"""Retries stay within their budget and wait as long as they were asked to."""

from undertone.llm.retry import EndpointError, RetryBudget, backoff


def test_retries_stay_near_a_tenth_of_the_traffic() -> None:
    budget = RetryBudget(clock=lambda: 0.0)
    granted = 0
    for _ in range(1000):
        budget.earn()
        granted += budget.spend()
    assert 100 <= granted <= 105


def test_a_quiet_service_still_has_a_floor() -> None:
    now = [0.0]
    budget = RetryBudget(clock=lambda: now[0])
    while budget.spend():
        pass
    now[0] = 10.0
    assert [budget.spend() for _ in range(3)] == [True, True, False]


def test_a_pause_is_never_shorter_than_asked_for_and_never_long() -> None:
    asked = EndpointError("busy", again=True, wait_s=2.0)
    assert all(2.0 <= backoff(attempt, asked) <= 6.0 for attempt in range(1, 20))
    assert all(0.0 <= backoff(attempt, EndpointError("x")) <= 4.0 for attempt in range(1, 20))
