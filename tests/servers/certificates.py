"""Certificates for a server of the tests, by an authority that nobody else trusts."""

import subprocess
from pathlib import Path

__all__ = ["make_certificates"]

_NEW = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "30")
_SERVER = ("-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE")


def make_certificates(folder: Path) -> None:
    """Write `ca.pem`, and `server.pem` with the key and the certificate of this machine."""
    folder.mkdir(parents=True, exist_ok=True)
    ca, ca_key = str(folder / "ca.pem"), str(folder / "ca.key")
    key, certificate = folder / "server.key", folder / "server.crt"
    _run(*_NEW, "-subj", "/CN=authority of the tests", "-keyout", ca_key, "-out", ca)
    by_it = ("-CA", ca, "-CAkey", ca_key, "-keyout", str(key), "-out", str(certificate))
    _run(*_NEW, "-subj", "/CN=server of the tests", *_SERVER, *by_it)
    (folder / "server.pem").write_text(key.read_text() + certificate.read_text())


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
