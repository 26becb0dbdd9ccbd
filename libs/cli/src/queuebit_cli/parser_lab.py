"""The grammar of the laboratory."""

from __future__ import annotations

from queuebit_cli.grammar import Group, names, number

__all__ = ["lab_commands"]


def lab_commands(lab: Group) -> None:
    """Scheduling policies in simulated time."""
    text = "compare scheduling policies on real queues and calibrations"
    schedule = lab.command("schedule", "lab:schedule", text)
    schedule.add_argument(
        "--scenario",
        default="poisson",
        metavar="S",
        help="poisson, bursty, monopolist, classes, production or reserved: how jobs arrive (poisson)",
    )
    schedule.add_argument("--fleet", default="traced", metavar="F", help="traced (12 machines) or all (65) (traced)")
    schedule.add_argument("--policies", type=names, metavar="LIST", help="only these (all but qonductor)")
    schedule.add_argument("--hours", type=number(1, 120), default=24, metavar="N", help="how long jobs arrive (24)")
    schedule.add_argument("--rate", type=number(1, 10_000), default=60, metavar="N", help="jobs in an hour (60)")
    schedule.add_argument(
        "--places",
        type=number(1, 10_000),
        default=16,
        metavar="N",
        help="placed jobs of a machine at most, for ours (16)",
    )
    schedule.add_argument(
        "--calls-per-minute", type=number(1, 60_000), metavar="N", help="calls to each vendor at most (any number)"
    )
    schedule.add_argument("--seed", type=number(0), default=1, metavar="N", help="of all random choices (1)")
    schedule.add_argument("--front", action="store_true", help="also compute what placement can reach at most")
    schedule.add_argument("--output", metavar="DIR", help="write SCENARIO.json and plots (PNG) there")
