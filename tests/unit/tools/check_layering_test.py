"""Who may include whom: the check says no where the design does."""

import unittest
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

PROGRAM = Path(__file__).resolve().parents[3] / "tools" / "check-layering"
loader = SourceFileLoader("check_layering", str(PROGRAM))
check_layering = module_from_spec(spec_from_loader("check_layering", loader))
loader.exec_module(check_layering)


class Layering(unittest.TestCase):
    def complaints(self, path: str, include: str) -> list[str]:
        return check_layering.check_file(path, f"#pragma once\n#include {include}\n")

    def test_allowed(self):
        for path, include in (
            ("dataplane/abi/ring.h", '"dataplane/base/result.h"'),
            ("dataplane/main.cc", '"drivers/port.h"'),
            ("dataplane/stage/parse.cc", '"dataplane/flow/flow_table.h"'),
            ("dataplane/flow/flow_table.h", "<vector>"),
            ("drivers/xdp.cc", "<rte_ethdev.h>"),
            ("drivers/xdp.cc", '"steer.skel.h"'),
            ("controlplane/link/link.cc", '"dataplane/abi/region.h"'),
            ("controlplane/main.cc", '"controlplane/config/model.h"'),
            ("tests/unit/flow/flow_test.cc", '"dataplane/flow/flow_table.h"'),
        ):
            self.assertEqual(self.complaints(path, include), [], (path, include))

    def test_refused(self):
        for path, include in (
            ("dataplane/base/result.h", '"dataplane/net/address.h"'),
            ("dataplane/flow/flow_table.h", '"dataplane/balance/select.h"'),
            ("dataplane/flow/flow_table.h", "<rte_hash.h>"),
            ("dataplane/main.cc", '"controlplane/config/model.h"'),
            ("drivers/xdp.cc", '"dataplane/flow/flow_table.h"'),
            ("controlplane/link/link.cc", '"dataplane/flow/flow_table.h"'),
            ("controlplane/link/link.cc", "<rte_ring.h>"),
            ("controlplane/config/parse.cc", '"controlplane/runtime/loop.h"'),
            ("controlplane/main.cc", '"tests/unit/fixture.h"'),
            ("controlplane/main.cc", '"model.h"'),
        ):
            (complaint,) = self.complaints(path, include) or [""]
            self.assertTrue(complaint.startswith(f"{path}:2: "), (path, include))


if __name__ == "__main__":
    unittest.main()
