"""What the measurements mean. Pure functions on what the probes wrote."""

from collections import Counter, defaultdict
from typing import NamedTuple

# A node that leaves says so with CARP's longest possible interval, or VRRP's lowest priority.
CARP_LEAVING = {"advbase": 255}
VRRP_LEAVING = {"priority": 0}


class Interval(NamedTuple):
    start: float
    end: float


def shares(names: list[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def successes(attempts: list[dict]) -> list[dict]:
    return [attempt for attempt in attempts if attempt["ok"]]


def errors(attempts: list[dict]) -> dict[str, int]:
    return shares([attempt["error"] for attempt in attempts if not attempt["ok"]])


def longest_gap(attempts: list[dict]) -> Interval:
    """The longest time between two connections that went well: from the start of one to the start
    of the next."""
    starts = [attempt["at"] for attempt in successes(attempts)]
    gaps = map(Interval, starts, starts[1:])
    return max(gaps, key=lambda gap: gap.end - gap.start, default=Interval(0, 0))


def recovered_after(attempts: list[dict], event: float) -> float | None:
    """Seconds from an event until the first connection from which on all went well; None if the
    last one failed."""
    last_failure = max(
        (index for index, attempt in enumerate(attempts) if not attempt["ok"]), default=-1
    )
    if last_failure + 1 >= len(attempts):
        return None
    return max(0.0, attempts[last_failure + 1]["at"] - event)


def longest_pause(connections: list[dict], start: float, end: float) -> float:
    """The longest time in seconds that a request sent in this interval waited for its answer; 0 if
    all were answered too fast to be remembered."""
    return max(
        (took for c in connections for at, took in c["slow"] if start <= at <= end), default=0.0
    )


# An answer that took longer was lost on its way and sent again, at the earliest after TCP's shortest
# time-out (200 ms): it says nothing of when the way was free again.
PROMPT_S = 0.15


def service_gap(connections: list[dict], event: float, within_s: float) -> float:
    """Seconds without service around an event, as many established connections see it that ask in
    turn: the longest time between the asking of two prompt answers."""
    asked = sorted(
        at
        for connection in connections
        for at, took in connection["trace"]
        if took < PROMPT_S and event - 0.5 <= at <= event + within_s
    )
    return max((later - earlier for earlier, later in zip(asked, asked[1:])), default=within_s)


def tenures(claims: list[dict], max_silence_s: float) -> list[Interval]:
    """When one node claimed: from one claim to its next, as long as it is never silent for longer
    than `max_silence_s` and does not say in between that it leaves."""
    result: list[Interval] = []
    left = True
    for claim in sorted(claims, key=lambda claim: claim["at"]):
        at = claim["at"]
        if is_leaving(claim):
            left = True
        elif not left and at - result[-1].end <= max_silence_s:
            result[-1] = Interval(result[-1].start, at)
        else:
            left = False
            result.append(Interval(at, at))
    return result


def overlap(claims: list[dict], max_silence_s: float) -> float:
    """The longest time in seconds for which two nodes claimed at once. `claims` may hold their
    farewells, which end what they claimed before."""
    by_node = defaultdict(list)
    for claim in claims:
        by_node[claim["node"]].append(claim)
    intervals = [
        (node, tenure)
        for node, its_claims in by_node.items()
        for tenure in tenures(its_claims, max_silence_s)
    ]
    return max(
        (
            min(a.end, b.end) - max(a.start, b.start)
            for index, (node, a) in enumerate(intervals)
            for other, b in intervals[index + 1 :]
            if node != other and min(a.end, b.end) >= max(a.start, b.start)
        ),
        default=0.0,
    )


def is_leaving(claim: dict) -> bool:
    """Whether an advert gives the address up."""
    return any(sign.items() <= claim.items() for sign in (CARP_LEAVING, VRRP_LEAVING))


def adverts(claims: list[dict]) -> list[dict]:
    """The adverts with which a node claims mastership: all but a leaving node's last."""
    return [claim for claim in claims if claim["kind"] == "advert" and not is_leaving(claim)]


def farewells(claims: list[dict]) -> list[dict]:
    """The adverts with which nodes give the address up."""
    return [claim for claim in claims if claim["kind"] == "advert" and is_leaving(claim)]


def handover(claims: list[dict]) -> float | None:
    """Seconds from a node's farewell to the first advert of another node; None if there is not
    both."""
    for farewell in farewells(claims):
        for claim in adverts(claims):
            if claim["at"] > farewell["at"] and claim["node"] != farewell["node"]:
                return claim["at"] - farewell["at"]
    return None


def arp_claims(claims: list[dict]) -> list[dict]:
    return [claim for claim in claims if claim["kind"] == "arp"]


def longest_silence(claims: list[dict]) -> float:
    """The longest time in seconds without a claim, between the first and the last one."""
    times = sorted(claim["at"] for claim in claims)
    return max((later - earlier for earlier, later in zip(times, times[1:])), default=0.0)


def owners(claims: list[dict], since: float = 0.0) -> list[str]:
    """The nodes that claimed, in the order of their changes: ["lb1", "lb2"] for one takeover."""
    result: list[str] = []
    for claim in sorted(claims, key=lambda claim: claim["at"]):
        if claim["at"] >= since and (not result or result[-1] != claim["node"]):
            result.append(claim["node"])
    return result


def milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)
