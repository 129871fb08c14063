"""All scenarios, in the order in which `tools/lab list` and the tests take them."""

from . import (
    bad_config,
    basic,
    checks_beside_haproxy,
    config_operations,
    control_kill,
    dataplane_kill,
    drill,
    failover_fast,
    failover_kill,
    failover_link,
    failover_return,
    galera_health,
    keepalived_peer,
    health_https,
    mysql_failover,
    mysql_health,
    mysql_sha2,
    probe_xinetd,
    reload,
    return_in_sync,
    server_views,
    split_brain,
    switchover,
    ucarp_peer,
)
from .scenario import Scenario

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        basic.SCENARIO,
        failover_kill.SCENARIO,
        failover_return.SCENARIO,
        return_in_sync.SCENARIO,
        switchover.SCENARIO,
        drill.SCENARIO,
        failover_fast.SCENARIO,
        failover_link.SCENARIO,
        split_brain.SCENARIO,
        control_kill.SCENARIO,
        dataplane_kill.SCENARIO,
        ucarp_peer.SCENARIO,
        keepalived_peer.SCENARIO,
        mysql_failover.SCENARIO,
        mysql_health.SCENARIO,
        mysql_sha2.SCENARIO,
        galera_health.SCENARIO,
        probe_xinetd.SCENARIO,
        reload.SCENARIO,
        config_operations.SCENARIO,
        bad_config.SCENARIO,
        health_https.SCENARIO,
        checks_beside_haproxy.SCENARIO,
        server_views.SCENARIO,
    )
}
