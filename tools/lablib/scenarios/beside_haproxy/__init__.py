"""The rows of the scenario checks-beside-haproxy, a file for each family of checks."""

from . import http, protocols, tcp
from .row import Row

ROWS: tuple[Row, ...] = (*tcp.ROWS, *http.ROWS, *protocols.ROWS)
