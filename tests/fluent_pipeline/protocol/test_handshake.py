from __future__ import annotations

from hashlib import sha512
from pathlib import Path
from typing import Any

import msgpack
import pytest

from fluent_pipeline.errors import RemoteProtocolError
from fluent_pipeline.protocol.frames import message_of
from fluent_pipeline.protocol.framing import Framer, Message
from fluent_pipeline.protocol.handshake import (
    Accepted,
    ClientHandshake,
    Refused,
    ServerHandshake,
    is_ping,
)
from fluent_pipeline.protocol.limits import Limits

CAPTURES = Path(__file__).parent.parent.parent / "captures"
NONCE = b"0123456789abcdef"
SALT = b"\xff\xfe not UTF-8 \x00"


def server(key: str = "s3cret", users: dict[str, str] | None = None) -> ServerHandshake:
    return ServerHandshake("relay", key, users or {}, nonce=NONCE, auth_salt=b"\x80salt")


def client(key: str = "s3cret", name: str = "", password: str = "") -> ClientHandshake:
    return ClientHandshake("edge", key, name, password, salt=SALT)


def message(*parts: Any) -> Message:
    return message_of(msgpack.packb(list(parts), use_bin_type=False))


def first_message(capture: str) -> Message:
    framer = Framer(Limits())
    framer.receive_data((CAPTURES / capture).read_bytes())
    found = framer.next_message()
    assert isinstance(found, Message)
    return found


@pytest.mark.parametrize("capture", ["fb_shared_key.bin", "fd_shared_key.bin"])
def test_the_ping_of_a_real_client_is_accepted_and_answered_with_our_proof(capture: str) -> None:
    ping = first_message(capture)
    answer = server().receive_ping(ping)
    assert isinstance(answer, Accepted)
    salt = msgpack.unpackb(ping.raw, raw=True)[2]
    digest = sha512(salt + b"relay" + NONCE + b"s3cret").hexdigest().encode()
    assert msgpack.unpackb(answer.pong, raw=True) == [b"PONG", True, b"", b"relay", digest]


@pytest.mark.parametrize("capture", ["fb_shared_key.bin", "fd_shared_key.bin"])
def test_the_ping_of_a_real_client_with_another_key_is_refused(capture: str) -> None:
    answer = server("other").receive_ping(first_message(capture))
    assert isinstance(answer, Refused)
    assert answer.reason == "shared_key mismatch"


def test_the_hello_is_small_and_its_strings_are_msgpack_str() -> None:
    hello = server(users={"ann": "pw"}).hello()
    assert hello == (
        b"\x92\xa4HELO\x83\xa5nonce\xb0" + NONCE + b"\xa4auth\xa5\x80salt\xa9keepalive\xc3"
    )
    assert len(hello) < 1023


def test_a_server_without_users_asks_for_no_password() -> None:
    assert b"\xa4auth\xa0" in server().hello()


@pytest.mark.parametrize("users", [{}, {"ann": "pw", "bob": "x"}])
def test_both_sides_prove_the_key_and_the_user_the_password(users: dict[str, str]) -> None:
    ours, theirs = server(users=users), client(name="ann", password="pw")
    answer = ours.receive_ping(message_of(theirs.receive_hello(message_of(ours.hello()))))
    assert isinstance(answer, Accepted)
    theirs.receive_pong(message_of(answer.pong))


@pytest.mark.parametrize(
    ("name", "password"), [("ann", "no"), ("nobody", "pw"), ("", ""), ("nobody", "\0")]
)
def test_a_wrong_user_and_a_wrong_password_are_refused_alike(name: str, password: str) -> None:
    ours, theirs = server(users={"ann": "pw"}), client(name=name, password=password)
    answer = ours.receive_ping(message_of(theirs.receive_hello(message_of(ours.hello()))))
    assert isinstance(answer, Refused)
    expected = [b"PONG", False, b"username/password mismatch", b"", b""]
    assert msgpack.unpackb(answer.pong, raw=True) == expected
    with pytest.raises(RemoteProtocolError, match="refused: username/password mismatch"):
        theirs.receive_pong(message_of(answer.pong))


def test_the_key_is_checked_before_the_user() -> None:
    ours, theirs = server(users={"ann": "pw"}), client("wrong", "ann", "pw")
    answer = ours.receive_ping(message_of(theirs.receive_hello(message_of(ours.hello()))))
    assert isinstance(answer, Refused)
    assert answer.reason == "shared_key mismatch"


def test_a_client_without_a_name_sends_a_digest_where_users_are_asked_for() -> None:
    ping = client().receive_hello(
        message("HELO", {"nonce": NONCE, "auth": b"A", "keepalive": True})
    )
    parts = msgpack.unpackb(ping, raw=True)
    assert parts[4:] == [b"", sha512(b"A").hexdigest().encode()]


def test_a_server_that_does_not_know_the_key_is_found_out() -> None:
    theirs = client()
    theirs.receive_hello(message("HELO", {"nonce": NONCE, "auth": b"", "keepalive": True}))
    with pytest.raises(RemoteProtocolError, match="does not know the shared key"):
        theirs.receive_pong(message("PONG", True, "", "relay", "0" * 128))


@pytest.mark.parametrize(
    "ping",
    [
        message("PING", "edge", "salt", "digest", ""),
        message("PING", "edge", "salt", "digest", "", 5),
        message("PONG", "edge", "salt", "digest", "", ""),
        message("t", 1, {}),
        message_of(b"\xc0"),
        Message(b'["PING"]', 0, json=True),
    ],
)
def test_what_is_no_ping_is_the_clients_error(ping: Message) -> None:
    with pytest.raises(RemoteProtocolError):
        server().receive_ping(ping)


@pytest.mark.parametrize(
    "hello", [message("HELO"), message("HELO", "x"), message("PONG", {}), message_of(b"\xc0")]
)
def test_what_is_no_hello_is_the_servers_error(hello: Message) -> None:
    with pytest.raises(RemoteProtocolError, match="expected a HELO"):
        client().receive_hello(hello)


@pytest.mark.parametrize("pong", [message("PONG", True), message("HELO", 1, 2, 3, 4)])
def test_what_is_no_pong_is_the_servers_error(pong: Message) -> None:
    with pytest.raises(RemoteProtocolError, match="expected a PONG"):
        client().receive_pong(pong)


def test_only_a_true_that_is_one_lets_a_client_in() -> None:
    theirs = client()
    theirs.receive_hello(message("HELO", {"nonce": NONCE, "auth": b"", "keepalive": True}))
    digest = sha512(SALT + b"relay" + NONCE + b"s3cret").hexdigest()
    with pytest.raises(RemoteProtocolError, match="refused"):
        theirs.receive_pong(message("PONG", 1, "", "relay", digest))


def test_a_ping_can_be_told_from_a_frame() -> None:
    assert is_ping(first_message("fb_shared_key.bin"))
    assert not is_ping(message("t", 1, {}))
    assert not is_ping(message_of(b"\xc0"))


@pytest.mark.parametrize(
    "word",
    [
        b"\xa4PING",
        b"\xd9\x04PING",
        b"\xda\x00\x04PING",
        b"\xdb\x00\x00\x00\x04PING",
        b"\xc4\x04PING",
        b"\xc5\x00\x04PING",
        b"\xc6\x00\x00\x00\x04PING",
    ],
)
@pytest.mark.parametrize("header", [b"\x96", b"\xdc\x00\x06", b"\xdd\x00\x00\x00\x06"])
def test_a_ping_is_known_in_every_way_to_write_it(header: bytes, word: bytes) -> None:
    rest = b"".join(msgpack.packb(part, use_bin_type=False) for part in ping_parts()[1:])
    ping = message_of(header + word + rest)
    assert is_ping(ping)
    assert isinstance(server(users={"ann": "pw"}).receive_ping(ping), Accepted)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x92\xa4PING\x90",
        b"\x93\xa4PING\x90\x80",
        b"\x93\xa4PING\x01\x80",
        b"\x94\xa4PING\x01\x80\x80",
        b"\x96\xa5PINGS" + b"\xa0" * 5,
        b"\x96\xa5xPING" + b"\xa0" * 5,
        b"\x96\xa4PONG" + b"\xa0" * 5,
        b"\x96\x81\x90\xa4PING" + b"\xa0" * 5,
        b'["PING","","","","",""]',
    ],
)
def test_a_frame_tagged_like_a_ping_and_a_word_like_it_are_none(raw: bytes) -> None:
    assert not is_ping(message_of(raw))


def test_users_are_asked_for_their_password_even_where_the_salt_is_missing() -> None:
    ours = ServerHandshake("relay", "s3cret", {"ann": "pw"}, nonce=NONCE, auth_salt=b"")
    ping = client(name="nobody").receive_hello(message_of(ours.hello()))
    assert isinstance(ours.receive_ping(message_of(ping)), Refused)


def test_users_may_be_asked_for_without_a_key() -> None:
    ours, theirs = server("", {"ann": "pw"}), client("", "ann", "pw")
    answer = ours.receive_ping(message_of(theirs.receive_hello(message_of(ours.hello()))))
    assert isinstance(answer, Accepted)
    theirs.receive_pong(message_of(answer.pong))
    other = client("", "ann", "wrong").receive_hello(message_of(ours.hello()))
    assert isinstance(ours.receive_ping(message_of(other)), Refused)


def test_names_and_passwords_need_not_be_ascii() -> None:
    ours, theirs = server("clé", {"zoë": "päss"}), client("clé", "zoë", "päss")
    answer = ours.receive_ping(message_of(theirs.receive_hello(message_of(ours.hello()))))
    assert isinstance(answer, Accepted)


def ping_parts() -> list[Any]:
    """The PING of a client that knows the key and the password."""
    users = {"ann": "pw"}
    ping = client(name="ann", password="pw").receive_hello(message_of(server(users=users).hello()))
    parts: list[Any] = msgpack.unpackb(ping, raw=True)
    return parts


@pytest.mark.parametrize("use_bin_type", [False, True])
def test_a_ping_may_come_as_str_or_as_bin(use_bin_type: bool) -> None:
    raw = msgpack.packb(ping_parts(), use_bin_type=use_bin_type)
    assert isinstance(server(users={"ann": "pw"}).receive_ping(message_of(raw)), Accepted)


@pytest.mark.parametrize("place", [1, 2, 3, 4, 5])
def test_a_ping_with_one_part_changed_is_refused(place: int) -> None:
    parts = ping_parts()
    for changed in (b"", parts[place][:-1], parts[place] + b"x", parts[place].swapcase() + b"\xff"):
        ping = message(*parts[:place], changed, *parts[place + 1 :])
        assert isinstance(server(users={"ann": "pw"}).receive_ping(ping), Refused)


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("value", [None, 1, True, [], {}, 1.5])
def test_a_ping_with_a_part_that_is_no_string_is_the_clients_error(place: int, value: Any) -> None:
    parts = ping_parts()
    ping = message(*parts[:place], value, *parts[place + 1 :])
    with pytest.raises(RemoteProtocolError, match="expected a PING of six strings"):
        server(users={"ann": "pw"}).receive_ping(ping)


@pytest.mark.parametrize("raw", [b"\x91\x81\x90\x01", b"\x91\xc7\x03\xff\x00\x00\x00"])
def test_a_message_that_cannot_be_decoded_is_the_peers_error(raw: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="malformed handshake"):
        server().receive_ping(message_of(raw))
    with pytest.raises(RemoteProtocolError, match="malformed handshake"):
        client().receive_hello(message_of(raw))


@pytest.mark.parametrize("options", [{}, {"nonce": 5, "auth": None}, {"keepalive": False, "x": []}])
def test_a_hello_may_lack_what_it_is_not_asked_for(options: dict[str, Any]) -> None:
    parts = msgpack.unpackb(client(name="ann").receive_hello(message("HELO", options)), raw=True)
    digest = sha512(SALT + b"edge" + b"s3cret").hexdigest().encode()
    assert parts == [b"PING", b"edge", SALT, digest, b"", b""]


def test_a_hello_may_come_as_bin() -> None:
    raw = msgpack.packb([b"HELO", {b"nonce": NONCE, b"auth": b""}], use_bin_type=True)
    parts = msgpack.unpackb(client().receive_hello(message_of(raw)), raw=True)
    assert parts[3] == sha512(SALT + b"edge" + NONCE + b"s3cret").hexdigest().encode()


def greeted() -> ClientHandshake:
    theirs = client()
    theirs.receive_hello(message("HELO", {"nonce": NONCE, "auth": b"", "keepalive": True}))
    return theirs


PROOF = sha512(SALT + b"relay" + NONCE + b"s3cret").hexdigest()


def test_a_server_that_proves_the_key_is_trusted() -> None:
    greeted().receive_pong(message("PONG", True, "", "relay", PROOF))


@pytest.mark.parametrize(
    ("hostname", "digest"),
    [
        ("other", PROOF),
        ("relay", PROOF[:-1]),
        ("relay", PROOF.upper()),
        ("relay", ""),
        ("relay", None),
        (None, PROOF),
        (5, []),
    ],
)
def test_a_proof_that_is_not_that_of_the_server_is_refused(hostname: Any, digest: Any) -> None:
    with pytest.raises(RemoteProtocolError, match="does not know the shared key"):
        greeted().receive_pong(message("PONG", True, "", hostname, digest))


@pytest.mark.parametrize("reason", ["no", b"\xff", None, 5])
def test_a_refusal_is_told_with_its_reason_even_where_that_is_no_text(reason: Any) -> None:
    told = {"no": "no", b"\xff": "\ufffd"}.get(reason, "")
    with pytest.raises(RemoteProtocolError, match=f"the server refused: {told}"):
        greeted().receive_pong(message("PONG", False, reason, "", ""))


def test_a_server_of_the_clients_own_name_is_trusted_when_it_proves_the_key() -> None:
    proof = sha512(SALT + b"edge" + NONCE + b"s3cret").hexdigest()
    greeted().receive_pong(message("PONG", True, "", "edge", proof))


@pytest.mark.parametrize("raw", [b"\x95", b"\xdc\x00\x05", b"\xdd\x00\x00\x00\x05"])
@pytest.mark.parametrize("use_bin_type", [False, True])
def test_a_pong_may_come_in_every_width_and_as_bin(raw: bytes, use_bin_type: bool) -> None:
    parts = [b"PONG", True, b"", b"relay", PROOF.encode()]
    packed = b"".join(msgpack.packb(part, use_bin_type=use_bin_type) for part in parts)
    greeted().receive_pong(message_of(raw + packed))


@pytest.mark.parametrize("accepted", [None, 0, 1, "true", [True]])
def test_a_pong_that_says_something_else_than_true_refuses(accepted: Any) -> None:
    with pytest.raises(RemoteProtocolError, match="the server refused"):
        greeted().receive_pong(message("PONG", accepted, "", "relay", PROOF))


def test_json_is_no_part_of_the_handshake_on_either_side() -> None:
    with pytest.raises(RemoteProtocolError, match="handshake in msgpack"):
        client().receive_hello(Message(b'["HELO",{}]', 0, json=True))
    with pytest.raises(RemoteProtocolError, match=r"handshake in msgpack.*\(at byte 9\)"):
        greeted().receive_pong(Message(b'["PONG",true,"","",""]', 9, json=True))


def test_a_refusing_pong_proves_nothing_of_the_server() -> None:
    answer = server("other").receive_ping(message(*ping_parts()))
    assert isinstance(answer, Refused)
    expected = [b"PONG", False, b"shared_key mismatch", b"", b""]
    assert msgpack.unpackb(answer.pong, raw=True) == expected


def test_what_came_in_the_same_read_as_a_ping_is_not_lost() -> None:
    framer = Framer(Limits())
    framer.receive_data((CAPTURES / "fb_shared_key.bin").read_bytes())
    ping = framer.next_message()
    assert isinstance(ping, Message)
    assert isinstance(server().receive_ping(ping), Accepted)
    frame = framer.next_message()
    assert isinstance(frame, Message)
    assert not is_ping(frame)
    assert framer.buffered == 0


def test_the_handshake_fits_into_one_read_of_the_peers() -> None:
    ours = ServerHandshake("r" * 255, "k" * 64, {"ann": "pw"}, nonce=NONCE, auth_salt=SALT)
    theirs = ClientHandshake("e" * 255, "k" * 64, "ann", "pw", salt=SALT)
    ping = theirs.receive_hello(message_of(ours.hello()))
    answer = ours.receive_ping(message_of(ping))
    assert isinstance(answer, Accepted)
    assert max(map(len, (ours.hello(), ping, answer.pong))) <= 1023
