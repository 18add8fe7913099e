"""What a process may have, as control groups say it."""

import pytest

from nucleizoo.blockwise.plan.budget import DEFAULT_SHARE, default_limit
from nucleizoo.ops import memory


@pytest.mark.parametrize(
    ("told", "limits", "allowed"),
    [
        ("0::/\n", {}, None),
        ("0::/\n", {"memory.max": "4000"}, 4000),  # a container sees its own group as the topmost
        ("0::/job/step\n", {"job/step/memory.max": "max", "job/memory.max": "3000"}, 3000),
        ("0::/job/step\n", {"job/step/memory.max": "2000", "job/memory.max": "3000"}, 2000),
        ("0::/not/shown/here\n", {"memory.max": "4000"}, 4000),
        ("0::/../../out\n", {"memory.max": "4000"}, 4000),
        ("4:memory:/job\n1:cpu,cpuacct:/\n0::/\n", {"memory/job/memory.limit_in_bytes": "5000"}, 5000),
        ("9:cpu,memory:/a:b\n", {"memory/memory.limit_in_bytes": str(2**63 - 4096)}, 2**63 - 4096),
    ],
)
def test_the_least_of_all_groups_around_a_process_counts(tmp_path, monkeypatch, told, limits, allowed):
    groups = tmp_path / "cgroup"
    groups.write_text(told)
    for name, amount in limits.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{amount}\n")
    monkeypatch.setattr(memory, "_GROUPS", groups)
    roots = {"": (tmp_path, "memory.max"), "memory": (tmp_path / "memory", "memory.limit_in_bytes")}
    monkeypatch.setattr(memory, "_LIMITS", roots)
    assert memory.allowed() == allowed
    if allowed and allowed < 2**40:
        assert default_limit() == DEFAULT_SHARE * allowed


def test_where_there_are_no_groups_all_may_be_had(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "none")
    assert memory.allowed() is None and default_limit() > 1e8
