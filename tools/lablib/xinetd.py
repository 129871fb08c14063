"""Debian's xinetd, starting carpool-probe for each connection: the way in which users run mysqlchk."""

import shlex

from .health_agent import HealthAgent
from .process import start_daemon, tail, wait_until, is_listening, end_processes

CONF = """\
service mysqlchk
{{
    type        = UNLISTED
    port        = {port}
    bind        = {address}
    socket_type = stream
    protocol    = tcp
    wait        = no
    user        = root
    server      = {server}
    server_args = {arguments}
    instances   = 20
    cps         = 50 5
}}
"""


class Xinetd:
    """Stands in the place of the agent's daemon, on its port."""

    def __init__(self, agent: HealthAgent):
        self.agent, self.host = agent, agent.server.name
        self.name = f"xinetd on {self.host}"
        self.dir = agent.server.dir
        self.log = self.dir / "xinetd.log"
        self.pid = 0

    def start(self) -> None:
        self.agent.write_credentials()
        program, *arguments = self.agent.command()
        conf = self.dir / "xinetd.conf"
        conf.write_text(
            CONF.format(
                port=self.agent.port,
                address=self.agent.server.address,
                server=program,
                arguments=shlex.join([*arguments, "--inetd"]),
            )
        )
        command = ["xinetd", "-dontfork", "-f", str(conf), "-filelog", str(self.log)]
        command += ["-pidfile", str(self.dir / "xinetd.pid")]
        network = self.agent.server.network
        self.pid = start_daemon(network.command(self.host, command), self.log).pid
        wait_until("xinetd listens", lambda: is_listening(self.pid, self.agent.port), 10)

    def stop(self) -> None:
        end_processes([self.pid])

    def log_tail(self) -> str:
        return tail(self.log)
