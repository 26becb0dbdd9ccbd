"""How long a wait lasts, by a clock that only moves when told."""

from queuebit.wait_budget import WaitBudget


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_pauses_end_when_the_time_is_up() -> None:
    clock = Clock()
    patience = WaitBudget(clock, 7)
    assert patience.next(5) == 5
    clock.now += 5
    assert patience.next(5) == 2
    clock.now += 3
    assert patience.next(5) <= 0
    assert WaitBudget(clock, None).next(5) == 5


def test_half_a_minute_without_an_answer_is_the_end_and_an_answer_begins_anew() -> None:
    clock = Clock()
    patience = WaitBudget(clock, None)
    assert not patience.lost()
    clock.now += 29
    assert not patience.lost()
    patience.answered()
    clock.now += 29
    assert not patience.lost()
    clock.now += 30
    assert patience.lost()


def test_silence_when_the_time_is_up_is_the_end_too() -> None:
    clock = Clock()
    patience = WaitBudget(clock, 2)
    clock.now += 2
    assert patience.lost()


def test_words_come_after_ten_seconds_and_ever_more_seldom() -> None:
    clock = Clock()
    patience = WaitBudget(clock, None)
    spoken = []
    for second in range(100):
        clock.now = 100.0 + second
        if patience.wants_words():
            spoken.append(second)
    assert spoken == [10, 20, 40, 80]
