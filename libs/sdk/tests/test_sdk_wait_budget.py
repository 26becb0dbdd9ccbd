"""How long a wait lasts, by a clock that only the test moves."""

from queuebit.wait_budget import WaitBudget


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_pauses_end_when_the_time_is_up() -> None:
    clock = Clock()
    budget = WaitBudget(clock, 7)
    assert budget.next(5) == 5
    clock.now += 5
    assert budget.next(5) == 2
    clock.now += 3
    assert budget.next(5) <= 0
    assert WaitBudget(clock, None).next(5) == 5


def test_half_a_minute_without_an_answer_is_the_end_and_an_answer_restarts_it() -> None:
    clock = Clock()
    budget = WaitBudget(clock, None)
    assert not budget.lost()
    clock.now += 29
    assert not budget.lost()
    budget.answered()
    clock.now += 29
    assert not budget.lost()
    clock.now += 30
    assert budget.lost()


def test_silence_when_the_time_is_up_is_the_end_too() -> None:
    clock = Clock()
    budget = WaitBudget(clock, 2)
    clock.now += 2
    assert budget.lost()


def test_messages_come_after_ten_seconds_at_growing_intervals() -> None:
    clock = Clock()
    budget = WaitBudget(clock, None)
    spoken = []
    for second in range(100):
        clock.now = 100.0 + second
        if budget.explain_now():
            spoken.append(second)
    assert spoken == [10, 20, 40, 80]
