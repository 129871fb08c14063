"""The rows of the scenario checks-beside-haproxy, a file for each family of checks."""

from . import agent, external, http, protocols, tcp, tls
from .row import Row

ROWS: tuple[Row, ...] = (*tcp.ROWS, *http.ROWS, *tls.ROWS, *protocols.ROWS, *agent.ROWS, *external.ROWS)
