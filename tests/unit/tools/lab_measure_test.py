"""What the lab concludes from what its probes saw."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools"))

from lablib import load, measure  # noqa: E402


def attempts(text: str) -> list[dict]:
    """One attempt a second: '#' went well, '.' failed."""
    return [
        {"at": float(at), "ok": mark == "#", "error": "timeout"} for at, mark in enumerate(text)
    ]


def claims(**times: list[float]) -> list[dict]:
    return [{"node": node, "at": at} for node, moments in times.items() for at in moments]


class Service(unittest.TestCase):
    def test_gap_is_from_one_success_to_the_next(self):
        self.assertEqual(measure.longest_gap(attempts("##...##.##")), (1, 5))

    def test_without_success_there_is_no_gap_to_measure(self):
        self.assertEqual(measure.longest_gap(attempts("...")), (0, 0))

    def test_recovered_means_for_good(self):
        self.assertEqual(measure.recovered_after(attempts("##..#.##"), event=2), 4)

    def test_not_recovered_while_the_last_attempt_failed(self):
        self.assertIsNone(measure.recovered_after(attempts("##.."), event=2))

    def test_errors_are_counted_by_kind(self):
        self.assertEqual(measure.errors(attempts("#..")), {"timeout": 2})


class Ownership(unittest.TestCase):
    def test_takeover_after_silence_does_not_overlap(self):
        self.assertEqual(measure.overlap(claims(lb1=[0, 1, 2], lb2=[5, 6]), 1.5), 0)

    def test_preemption_overlaps_from_the_first_of_one_to_the_last_of_the_other(self):
        self.assertAlmostEqual(measure.overlap(claims(lb2=[0, 1, 2.0], lb1=[1.6, 2.6]), 1.5), 0.4)

    def test_a_node_that_was_silent_for_long_did_not_claim_meanwhile(self):
        self.assertEqual(measure.overlap(claims(lb1=[0, 1, 10, 11], lb2=[4, 5, 6]), 1.5), 0)

    def test_a_node_that_said_goodbye_did_not_claim_until_it_came_back(self):
        farewell = {"node": "lb1", "at": 0.1, "advbase": 255}
        seen = [*claims(lb1=[0, 1.5, 2.5], lb2=[0.2, 1.2]), farewell]
        self.assertEqual(measure.overlap(seen, 2), 0)
        self.assertAlmostEqual(measure.overlap(seen[:-1], 2), 1)

    def test_owners_in_the_order_of_their_changes(self):
        seen = claims(lb1=[0, 1, 9], lb2=[4, 5])
        self.assertEqual(measure.owners(seen), ["lb1", "lb2", "lb1"])
        self.assertEqual(measure.owners(seen, since=2), ["lb2", "lb1"])

    def test_the_advert_of_a_leaving_node_claims_nothing(self):
        seen = [
            {"kind": "advert", "advbase": 1},
            {"kind": "advert", "advbase": 255},
            {"kind": "arp"},
        ]
        self.assertEqual(measure.adverts(seen), seen[:1])


class Wrk(unittest.TestCase):
    TEXT = """\
  4522 requests in 1.10s, 0.91MB read
  Socket errors: connect 1, read 2, write 3, timeout 4
  Non-2xx or 3xx responses: 5
Requests/sec:   4110.55
"""

    def test_every_kind_of_error_counts(self):
        result = load.parse_wrk(self.TEXT)
        self.assertEqual(
            (result.requests, result.requests_per_s, result.errors), (4522, 4110.55, 15)
        )

    def test_no_error_lines_mean_no_errors(self):
        self.assertEqual(load.parse_wrk("  7 requests in 1.00s, 1KB read\n").errors, 0)


class Adverts(unittest.TestCase):
    CARP = {"kind": "advert", "vhid": 53, "advskew": 0}
    VRRP = {"kind": "advert", "vrid": 53, "version": 3}

    def test_farewells_give_the_address_up(self):
        stays = [{**self.CARP, "advbase": 1}, {**self.VRRP, "priority": 100}]
        leaves = [{**self.CARP, "advbase": 255}, {**self.VRRP, "priority": 0}]
        self.assertEqual(measure.adverts([*leaves, *stays]), stays)
        self.assertEqual(measure.farewells([*leaves, *stays]), leaves)

    def test_handover_is_from_the_farewell_to_another_nodes_advert(self):
        def advert(at: float, node: str, priority: int) -> dict:
            return {**self.VRRP, "at": at, "node": node, "priority": priority}

        own = [advert(0, "lb1", 200), advert(1, "lb1", 0)]
        self.assertIsNone(measure.handover(own))
        self.assertEqual(measure.handover([*own, advert(1.5, "lb2", 100)]), 0.5)

    def test_silence_is_between_claims(self):
        self.assertEqual(measure.longest_silence(claims(lb1=[0, 1], lb2=[4])), 3)
        self.assertEqual(measure.longest_silence([]), 0)


if __name__ == "__main__":
    unittest.main()
