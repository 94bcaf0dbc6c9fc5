"""TLS between a relay as the client and a relay as the server, on real sockets."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fluent_pipeline.app import Relay
from fluent_pipeline.config import parse_config
from fluent_pipeline.errors import ConfigError
from fluent_pipeline.net.tls import Certificate, Renewing, client_context, server_context
from support.certificates import Authority, Files
from support.frames import ack_of, forward_frame
from support.relays import Client, client_of, configuration, running_relay
from support.target import WAIT, Target, target

FRAME = forward_frame([{"a": 1}], chunk="c").raw


def server_keys(files: Files, **more: Any) -> dict[str, Any]:
    return {
        "tls": "on", "tls.crt_file": str(files.chain), "tls.key_file": str(files.key), **more
    }  # fmt: skip


def client_keys(authority: Authority, **more: Any) -> dict[str, Any]:
    return {"tls": "on", "tls.ca_file": str(authority.file), "host": "localhost", **more}


def inner_text(behind: Target, keys: dict[str, Any]) -> str:
    return configuration(target_port=behind.port, filters=[], forward_input=keys)


def outer_text(port: int, keys: dict[str, Any]) -> str:
    return configuration(
        target_port=port, filters=[], forward_output=keys, service={"grace": "10ms"}
    )


def port_of(relay: Relay) -> int:
    return int(relay.listeners[0].address.rpartition(":")[2])


@asynccontextmanager
async def through_tls(
    server: dict[str, Any], client: dict[str, Any]
) -> AsyncIterator[tuple[Client, Target, Relay]]:
    """A client of a relay that sends over TLS to a second relay, and the target behind that."""
    async with target() as behind, running_relay(inner_text(behind, server)) as inner:
        async with running_relay(outer_text(port_of(inner), client)) as outer:
            async with client_of(outer) as sender:
                yield sender, behind, inner


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
async def test_records_pass_over_tls_with_the_certificate_checked(
    version: str, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    server = server_keys(authority.issue("localhost"), **{"tls.min_version": version})
    client = client_keys(authority, require_ack_response=True)
    async with through_tls(server, client) as (sender, behind, _):
        await sender.send(FRAME * 3)
        await sender.read_until(ack_of("c") * 3)
        await behind.received(3)
        assert behind.raw == FRAME * 3


async def test_clients_prove_themselves_where_their_certificates_are_asked_for(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)
    mine = authority.issue("edge")
    asking = {"tls.verify_client_cert": "on", "tls.ca_file": str(authority.file)}
    server = server_keys(authority.issue("localhost"), **asking)
    own = {"tls.crt_file": str(mine.chain), "tls.key_file": str(mine.key)}
    async with through_tls(server, client_keys(authority, **own)) as (sender, _, _):
        await sender.send(FRAME)
        await sender.read_until(ack_of("c"))


async def refused(
    server: dict[str, Any], client: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing gets through, and the log says why."""
    async with through_tls(server, client) as (sender, behind, _):
        await sender.send(FRAME)
        async with asyncio.timeout(WAIT):
            while reason not in caplog.text:
                await asyncio.sleep(0.01)
        await sender.expect_silence()
        assert behind.frames == []


@pytest.mark.parametrize(
    ("host", "expired", "reason"),
    [
        ("elsewhere", False, "Hostname mismatch"),
        ("localhost", True, "certificate has expired"),
    ],
)
async def test_a_certificate_that_is_not_the_targets_is_refused(
    host: str, expired: bool, reason: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    server = server_keys(authority.issue(host, expired=expired))
    await refused(server, client_keys(authority), reason, caplog)


async def test_a_certificate_of_an_unknown_authority_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = Authority(tmp_path, "other")
    server = server_keys(Authority(tmp_path).issue("localhost"))
    await refused(server, client_keys(other), "certificate verify failed", caplog)


async def test_a_client_without_a_certificate_is_refused_where_one_is_asked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authority = Authority(tmp_path)
    asking = {"tls.verify_client_cert": "on", "tls.ca_file": str(authority.file)}
    server = server_keys(authority.issue("localhost"), **asking)
    client = client_keys(authority, require_ack_response=True)
    await refused(server, client, "PEER_DID_NOT_RETURN_A_CERTIFICATE", caplog)


async def test_plain_text_to_a_tls_port_is_refused_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys = server_keys(Authority(tmp_path).issue("localhost"))
    async with target() as behind, running_relay(inner_text(behind, keys)) as relay:
        async with client_of(relay) as client:
            await client.send(FRAME)
            await client.read_to_end()
        assert behind.frames == []
    assert "refused: no TLS handshake: " in caplog.text
    assert "127.0.0.1:" in caplog.text


async def test_without_verification_any_certificate_will_do(tmp_path: Path) -> None:
    server = server_keys(Authority(tmp_path).issue("elsewhere"))
    client = {"tls": "on", "tls.verify": "off", "host": "localhost"}
    async with through_tls(server, client) as (sender, _, _):
        await sender.send(FRAME)
        await sender.read_until(ack_of("c"))


async def test_the_name_in_the_certificate_may_be_another_than_the_host(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = server_keys(authority.issue("relay.example"))
    client = client_keys(authority, **{"tls.vhost": "relay.example"})
    async with through_tls(server, client) as (sender, _, _):
        await sender.send(FRAME)
        await sender.read_until(ack_of("c"))


async def test_new_certificates_are_used_for_new_connections_and_old_ones_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    authority = Authority(tmp_path)
    files = authority.issue("localhost")
    client = client_keys(authority, require_ack_response=True)
    async with through_tls(server_keys(files), client) as (sender, behind, inner):
        await sender.send(FRAME)
        await sender.read_until(ack_of("c"))
        renewed = authority.issue("renewed")
        files.chain.write_bytes(renewed.chain.read_bytes())
        files.key.write_bytes(renewed.key.read_bytes())
        inner.renew_certificates()
        await sender.send(FRAME)
        await sender.read_until(ack_of("c") * 2)
        await behind.received(2)
        context = ssl.create_default_context(cafile=str(authority.file))
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port_of(inner), ssl=context, server_hostname="renewed"
        )
        writer.close()
        files.chain.write_text("no certificate")
        inner.renew_certificates()
    assert "certificates read again" in caplog.text
    assert "the old certificates stay" in caplog.text
    assert behind.raw == FRAME * 2


def test_a_file_that_is_no_certificate_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("no certificate")
    keys = {"tls": "on", "tls.crt_file": str(bad)}
    text = configuration(target_port=1, filters=[], forward_input=keys)
    with pytest.raises(ConfigError, match=r"relay\.yaml:\d+:\d+: forward: a file that it needs"):
        Relay(parse_config(text, source="relay.yaml"))


def test_versions_before_tls_1_2_are_not_spoken(tmp_path: Path) -> None:
    files = Authority(tmp_path).issue("localhost")
    certificate = Certificate(chain=files.chain, key=files.key)
    server = server_context(certificate, client_ca=None, min_version="tlsv1.2")
    client = client_context(
        verify=True, verify_hostname=True, ca=None, certificate=None, min_version="tlsv1.3"
    )
    assert server.minimum_version is ssl.TLSVersion.TLSv1_2
    assert client.minimum_version is ssl.TLSVersion.TLSv1_3
    assert client.verify_mode is ssl.CERT_REQUIRED
    assert client.check_hostname


def test_a_context_that_cannot_be_renewed_stays() -> None:
    made = [ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)]

    def make() -> ssl.SSLContext:
        if not made:
            raise OSError("gone")
        return made.pop()

    renewing = Renewing(make)
    before = renewing.context
    with pytest.raises(OSError, match="gone"):
        renewing.renew()
    assert renewing.context is before
