"""TLS certificates: which are accepted, for requests and for the check of the model."""

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from builders.inference import Client, RequestCache, ServerDown, connect
from builders.inference.transport import Broken
from tests.builders.inference.posting import posted
from tests.doubles.chat_server import ChatServer, request, texts

pytestmark = pytest.mark.usefixtures("no_proxies")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key in the same file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl command to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=here"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "certificate.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    whole = folder / "whole.pem"
    whole.write_text((folder / "key.pem").read_text() + (folder / "certificate.pem").read_text())
    return whole


@pytest.fixture
def secure(certificate: Path) -> Iterator[ChatServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with ChatServer(tls=context) as server:
        yield server


def test_a_certificate_that_nobody_vouches_for_is_refused(secure: ChatServer) -> None:
    with pytest.raises(Broken, match="certificate") as caught:
        posted(f"{secure.address}/v1/chat/completions")
    assert caught.value.kind == "unreachable"
    assert not secure.bodies


def test_a_certificate_of_the_users_own_is_accepted(
    secure: ChatServer, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    (reply,) = posted(
        f"{secure.address}/v1/chat/completions", body=b'{"messages": [{"content": "over TLS"}]}'
    )
    assert reply.status == 200
    assert b"OVER TLS" in reply.body


@pytest.mark.parametrize("trusted", [True, False])
def test_a_server_is_found_and_asked_over_tls(
    secure: ChatServer,
    certificate: Path,
    cache: RequestCache,
    trusted: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert texts(Client(connect(secure.address), cache).ask([request("a")])) == ["A"]
        return
    with pytest.raises(ServerDown, match="self-signed certificate"):
        connect(secure.address)
