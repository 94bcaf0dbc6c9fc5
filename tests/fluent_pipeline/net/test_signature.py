from __future__ import annotations

import subprocess

from hypothesis import given
from hypothesis import strategies as st

from fluent_pipeline.net.signature import signature_of

SECRETS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


def test_a_signature_is_the_hmac_that_openssl_makes_of_time_and_body() -> None:
    made = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", "s3cret"],
        input=b'1800000000.{"alerts":[]}',
        capture_output=True,
        check=True,
    )
    digest = made.stdout.decode().split()[-1]
    assert signature_of("s3cret", b'{"alerts":[]}', 1_800_000_000) == f"t=1800000000,v1={digest}"


@given(
    st.tuples(SECRETS, st.binary(), st.integers(0, 1 << 40)),
    st.tuples(SECRETS, st.binary(), st.integers(0, 1 << 40)),
)
def test_another_secret_body_or_time_has_another_signature(
    one: tuple[str, bytes, int], other: tuple[str, bytes, int]
) -> None:
    def made(of: tuple[str, bytes, int]) -> str:
        return signature_of(of[0], of[1], of[2])

    assert (made(one) == made(other)) == (one == other)
