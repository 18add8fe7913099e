"""How far a grid is, in words, and the time that is left."""

from nucleizoo.experiments.progress import Progress, told


def test_what_is_left_is_told_by_the_pace_of_trainings_of_the_same_name():
    lines = told([
        Progress("fast", 10, 100, 100, 60.0, True),  # 0.6 s a step
        Progress("fast", 11, 50, 100, 20.0, False),  # 0.4 s a step, the latest
        Progress("fast", 12, 0, 100, 0.0, False),
        Progress("slow", 10, 0, 2000, 0.0, False),
        Progress("rule", 10, 0, 0, 0.0, False),
    ]).splitlines()  # fmt: skip
    assert lines == [
        "fast, seed 10: finished, took 1 min 0 s",
        "fast, seed 11: 50 of 100 steps, 20 s left",
        "fast, seed 12: 0 of 100 steps, 40 s left",
        "slow, seed 10: 0 of 2,000 steps, time not known yet",
        "rule, seed 10: nothing to train",
        "3 of 5 trainings to do; 1 min 0 s for 2 of them",
    ]
