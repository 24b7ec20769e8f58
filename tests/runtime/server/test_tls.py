"""`openrek serve` with a certificate of its own: a stock client that trusts it gets in, nothing else does."""

import socket
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import boto3
import pytest
from botocore.exceptions import SSLError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from openrek.runtime.server.socket_server import tls_of
from openrek.runtime.settings import SettingsError
from tests.support.server import ServerProcess

ENCRYPTED = serialization.BestAvailableEncryption(b"secret")


class Certificate(NamedTuple):
    certificate: Path
    key: Path


def write_certificate(folder: Path, encryption: serialization.KeySerializationEncryption) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "openrek of a test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = Certificate(folder / "chain.pem", folder / "key.pem")
    paths.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    paths.key.write_bytes(plain)
    return paths


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return write_certificate(tmp_path, serialization.NoEncryption())


def collections(url: str, verify: str | bool) -> list[str]:
    session = boto3.Session("any", "any", region_name="eu-west-1")
    return session.client("rekognition", endpoint_url=url, verify=verify).list_collections()["CollectionIds"]


def test_whoever_trusts_the_certificate_is_served(
    certificate: Certificate, weights_folder: Path, tmp_path: Path
) -> None:
    arguments = ("--tls-cert", str(certificate.certificate), "--tls-key", str(certificate.key))
    server = ServerProcess(tmp_path / "data", weights_folder, arguments)
    try:
        assert server.url.startswith("https://127.0.0.1:")
        assert collections(server.url, str(certificate.certificate)) == []
        with pytest.raises(SSLError):
            collections(server.url, verify=True)
        port = int(server.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:  # a silent one holds up nobody
            assert collections(server.url, str(certificate.certificate)) == []
            plain.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200" not in plain.recv(1000)
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(("127.0.0.1", port)) as bare, pytest.raises((ssl.SSLError, ConnectionError)):
            old.wrap_socket(bare)
    finally:
        assert server.stop() == (0, "")


def test_certificates_that_cannot_be_used_are_one_sentence(certificate: Certificate, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = write_certificate(tmp_path / "other", ENCRYPTED)
    with pytest.raises(SettingsError, match=r"cannot be used: No such file or directory\.$"):
        tls_of(tmp_path / "none.pem", certificate.key)
    with pytest.raises(SettingsError, match=r"cannot be used: they are no certificate with its key\.$"):
        tls_of(certificate.key, certificate.certificate)
    with pytest.raises(SettingsError, match="has a password"):
        tls_of(other.certificate, other.key)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--tls-cert", "chain.pem"), "--tls-cert and --tls-key need each other: one of them is missing."),
        (("--first-key",), "--first-key makes a key for a server that wants keys: add --keys."),
    ],
)
def test_options_that_need_others_say_so(arguments: tuple[str, ...], said: str) -> None:
    command = [sys.executable, "-m", "openrek.runtime.cli.main", "serve", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"Error: {said}\n")
