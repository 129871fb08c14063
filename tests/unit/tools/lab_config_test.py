"""The configuration that the lab gives its appliances."""

import sys
import unittest
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools"))

from lablib.config import LabConfig  # noqa: E402
from lablib.scenarios import bad_config  # noqa: E402


class Config(unittest.TestCase):
    def test_both_nodes_stand_in_one_text(self):
        lines = LabConfig(port_kind="packet").text().splitlines()
        self.assertIn("node lb1", lines)
        self.assertIn("    redundancy public advskew 100", lines)
        self.assertEqual(lines.count("    port wan packet eth1"), 2)

    def test_a_server_is_removed_and_changed(self):
        config = LabConfig()
        self.assertNotIn("web3", config.without_web_server("web3").text())
        heavy = replace(config.web_servers[0], options="weight 9")
        self.assertIn("server web1 10.0.0.21:80 weight 9\n", config.with_web_server(heavy).text())

    def test_every_bad_configuration_differs_from_the_good_one_or_its_node(self):
        good = LabConfig().text()
        for case in bad_config.CASES:
            self.assertTrue(case.spoil(good) != good or case.node != "lb1", case.what)


if __name__ == "__main__":
    unittest.main()
