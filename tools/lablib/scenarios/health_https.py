"""Checks over TLS against nginx with certificates of every kind: each must lead to the right state
with the reason in the status, and a certificate that is about to expire to a warning."""

import random
import time
from dataclasses import dataclass, replace
from pathlib import Path

from ..certificates import Authority, Wish
from ..config import LabConfig
from ..lab import Lab
from ..network import Network
from ..outcome import Outcome
from ..process import is_listening, kill_processes, run as run_command, start_daemon, wait_until
from ..topology import VIRTUAL_ADDRESS, WEB_SERVERS
from .scenario import Scenario

HOST = "www.lab.example"
SERVER = WEB_SERVERS[0]
FIRST_PORT = 8440
VERDICT_S = 15.0
SOON_DAYS = 5.5  # away from a whole number: what is said of it must not change while this runs

NGINX_CONF = """\
daemon off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
{servers}}}
"""
NGINX_SERVER = """\
    server {{
        listen {port}{ssl};
        location / {{ return 200 "ok\\n"; }}
    }}
"""
FAILED = "certificate verify failed: "


@dataclass(frozen=True)
class Case:
    name: str
    wish: Wish | None  # none: the port speaks plain HTTP
    state: str
    status: str
    text: str = ""
    warning: str = ""  # how it begins
    options: str = ""


CASES = (
    Case("good", Wish(HOST), "up", "L7OK"),
    Case("expired", Wish(HOST, -30, -1), "down", "L6RSP", FAILED + "certificate has expired"),
    Case("not-yet", Wish(HOST, 1, 30), "down", "L6RSP",
         FAILED + "certificate is not yet valid"),
    Case("wrong-host", Wish("other.lab.example"), "down", "L6RSP", FAILED + "hostname mismatch"),
    Case("self-signed", Wish(HOST, by_ca=False), "down", "L6RSP",
         FAILED + "self-signed certificate"),
    Case("soon", Wish(HOST, -30, SOON_DAYS), "up", "L7OK", warning="certificate expires on "),
    Case("soon-unsaid", Wish(HOST, -30, SOON_DAYS), "up", "L7OK", options="check-cert-expiry 3d"),
    Case("expired-unverified", Wish(HOST, -30, -1), "up", "L7OK",
         warning="certificate expired on ", options="verify none"),
    Case("other-name", Wish("other.lab.example"), "up", "L7OK",
         options="verifyhost other.lab.example"),
    Case("plain", None, "down", "L6RSP", "wrong version number"),
)


class TlsServers:
    """One nginx with a port for each case."""

    def __init__(self, network: Network, run_dir: Path):
        self.network, self.dir = network, run_dir / "tls"
        self.authority = Authority(run_dir / "certificates")
        self.dir.mkdir(parents=True)
        servers = "".join(
            NGINX_SERVER.format(port=port_of(case), ssl=self._ssl(case)) for case in CASES
        )
        (self.dir / "nginx.conf").write_text(NGINX_CONF.format(dir=self.dir, servers=servers))

    def _ssl(self, case: Case) -> str:
        if case.wish is None:
            return ""
        certificate, key = self.authority.issue(case.name, case.wish)
        return f" ssl;\n        ssl_certificate {certificate};\n        ssl_certificate_key {key}"

    def _command(self, *words: str) -> list[str]:
        nginx = ["nginx", "-e", str(self.dir / "error.log"), "-c", str(self.dir / "nginx.conf")]
        return self.network.command(SERVER.name, [*nginx, *words])

    def start(self) -> None:
        start_daemon(self._command(), self.dir / "nginx.log")
        wait_until("nginx listens on all ports", self._is_ready, 20)

    def _is_ready(self) -> bool:
        pids = self.network.processes(SERVER.name)
        return bool(pids) and all(is_listening(pids[0], port_of(case)) for case in CASES)

    def renew(self, name: str, wish: Wish) -> None:
        self.authority.issue(name, wish)
        run_command(self._command("-s", "reload"))

    def stop(self) -> None:
        kill_processes(self.network.processes(SERVER.name))


def port_of(case: Case) -> int:
    return FIRST_PORT + CASES.index(case)


def with_tls_servers(config: LabConfig, ca: Path) -> LabConfig:
    lines = (
        "listen tls",
        f"    bind {VIRTUAL_ADDRESS}:443",
        f"    option httpchk GET / HTTP/1.1\\r\\nHost:\\ {HOST}",
        f"    default-server check check-ssl check-sni {HOST} ca-file {ca} inter 500ms",
        *(
            f"    server {case.name} {SERVER.address}:{port_of(case)} {case.options}"
            for case in CASES
        ),
    )
    return replace(config, services=("\n".join(lines),))


def run(lab: Lab, outcome: Outcome, config: LabConfig, _rng: random.Random) -> None:
    lab.up_network()
    servers = TlsServers(lab.network, lab.dir)
    servers.start()
    text = with_tls_servers(config, servers.authority.ca).text()
    for node in lab.nodes:
        node.write_config_text(text)
        node.start()
    for node in lab.nodes:
        outcome.step(f"what {node.name} says of {len(CASES)} servers")
        for case in CASES:
            judge(outcome, node, case)
    warnings_are_said(outcome, lab)
    renewal(outcome, lab, servers)
    missing_ca_file(outcome, lab, text, servers.authority.ca)
    outcome.figure(servers=len(CASES))


def server_status(node, name: str) -> dict:
    for service in (node.status() or {}).get("services", []):
        for server in service["servers"]:
            if server["name"] == name:
                return server
    return {}


def judge(outcome: Outcome, node, case: Case) -> None:
    def complaint() -> str:
        server = server_status(node, case.name)
        check = server.get("check", {})
        # What is up may be so because it is not known yet, and down only in the network's eyes.
        for what, found, wanted in (
            ("status", check.get("status"), case.status),
            ("state", server.get("state"), case.state),
            ("text", check.get("text"), case.text or check.get("text")),
        ):
            if found != wanted:
                return f"{what} {found!r}, not {wanted!r}"
        warning = check.get("warning", "")
        if not warning.startswith(case.warning) or bool(warning) != bool(case.warning):
            return f"warning {warning!r}, not {case.warning!r}"
        return ""

    try:
        wait_until("the verdict", lambda: not complaint(), VERDICT_S)
    finally:
        check = server_status(node, case.name).get("check", {})
        said = " / ".join(filter(None, (check.get("text"), check.get("warning"))))
        problem = complaint()
        outcome.check(
            not problem,
            f"{case.name}: {case.state} {check.get('status')}: {said} {problem}".rstrip(),
        )


def warnings_are_said(outcome: Outcome, lab: Lab) -> None:
    outcome.step("the warning is on the page and in the log")
    for node in lab.nodes:
        page, log = node.status_text(), node.log.read_text()
        outcome.check("warning: certificate expires on" in page, f"{node.name}: on the page")
        said = log.count("server tls/soon: certificate expires on")
        outcome.check(said == 1, f"{node.name}: in the log, {said} times")


def renewal(outcome: Outcome, lab: Lab, servers: TlsServers) -> None:
    outcome.step("the expired certificate is renewed")
    started = time.monotonic()
    servers.renew("expired", Wish(HOST))
    for node in lab.nodes:
        node.wait_server("tls", "expired", "UP", VERDICT_S)
    outcome.figure(renewed_ms=round((time.monotonic() - started) * 1000))
    outcome.check(True, "it is up on both nodes")


def missing_ca_file(outcome: Outcome, lab: Lab, text: str, ca: Path) -> None:
    outcome.step("a ca-file that is not there is refused")
    node = lab.node("lb1")
    node.write_config_text(text.replace(str(ca), str(ca) + ".gone"))
    node.reload()
    wait_until("the log names the file", lambda: f"{ca}.gone" in node.log.read_text(), VERDICT_S)
    outcome.check(
        server_status(node, "good").get("state") == "up", "and the old configuration goes on"
    )


SCENARIO = Scenario(
    "health-https", "servers with good, expired, wrong and self-made certificates", run
)
