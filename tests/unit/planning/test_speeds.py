"""What measured jobs say about others: the nearest ones there are."""

from xstilts.costs.size import Size
from xstilts.planning.speeds import Measured, Speeds

SMALL, LARGE = (Size(10, 8, 1, hidden, 4) for hidden in (4, 8))


def measured(rule: str, name: str, seconds: float, size: Size = SMALL, device: str = "cpu") -> Measured:
    return Measured("tiny", rule, name, (), device, size, seconds, 1.0)


def test_a_plan_takes_the_nearest_jobs_that_were_measured_before_the_shipped_estimate() -> None:
    jobs = [measured("train_target", "mnli", 2), measured("train_target", "udpos", 6), measured("pretrain", "m", 10)]
    speeds = Speeds([*jobs, measured("predict", "xnli", 99, LARGE), measured("predict", "xnli", 99, device="H")], "cpu")
    assert speeds.factor("train_target", "mnli", SMALL) == (2, 1)
    assert speeds.factor("train_target", "squad", SMALL) == (4, 2)
    assert speeds.factor("predict", "xnli", SMALL) == (6, 3), "how fast the machine is with this encoder"
    assert speeds.factor("train_target", "mnli", LARGE) == (99, 1)
    assert Speeds(jobs, "another").factor("train_target", "mnli", SMALL) == (1.0, 0)
