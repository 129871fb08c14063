"""Certificates for servers of the lab, each wrong in its own way, made by openssl."""

from dataclasses import dataclass
from pathlib import Path

from .process import run

DAY = 24 * 60 * 60


@dataclass(frozen=True)
class Wish:
    """What a certificate says. Days count from now; the first may lie in the past."""

    host: str
    valid_from: float = -1
    valid_until: float = 365
    by_ca: bool = True  # else by itself


class Authority:
    """A certificate authority of this lab alone."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.ca = folder / "ca.pem"
        folder.mkdir(parents=True)
        (folder / "index.txt").touch()
        (folder / "serial").write_text("1000\n")
        (folder / "openssl.cnf").write_text(_CONFIG.format(folder=folder))
        self._openssl("req", "-x509", "-subj", "/CN=carpool lab CA", "-days", "3650",
                      "-keyout", self._key("ca"), "-out", str(self.ca), *_NEW_KEY)

    def issue(self, name: str, wish: Wish) -> tuple[Path, Path]:
        """The files of the certificate and of its key."""
        request = str(self.folder / f"{name}.csr")
        certificate = self.folder / f"{name}.pem"
        self._openssl("req", "-new", "-subj", f"/CN={wish.host}", "-keyout", self._key(name),
                      "-out", request, *_NEW_KEY)
        names = self.folder / f"{name}.ext"
        names.write_text(f"subjectAltName=DNS:{wish.host}\n")
        signer = [] if wish.by_ca else ["-selfsign", "-keyfile", self._key(name)]
        self._openssl("ca", "-batch", "-notext", "-in", request, "-out", str(certificate),
                      "-startdate", _date(wish.valid_from), "-enddate", _date(wish.valid_until),
                      "-extfile", str(names), *signer)
        return certificate, Path(self._key(name))

    def _key(self, name: str) -> str:
        return str(self.folder / f"{name}.key")

    def _openssl(self, command: str, *arguments: str) -> None:
        run(["openssl", command, "-config", str(self.folder / "openssl.cnf"), *arguments])


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")

_CONFIG = """\
[req]
distinguished_name = name
x509_extensions = authority
[name]
[authority]
basicConstraints = critical,CA:true
subjectKeyIdentifier = hash
[ca]
default_ca = lab
[lab]
dir = {folder}
database = {folder}/index.txt
serial = {folder}/serial
new_certs_dir = {folder}
certificate = {folder}/ca.pem
private_key = {folder}/ca.key
default_md = sha256
policy = anything
unique_subject = no
[anything]
commonName = supplied
"""


def _date(days: float) -> str:
    import time

    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + days * DAY))
