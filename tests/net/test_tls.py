"""Whom we trust."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from slackkefu.net.tls import check_bundle, trust

if TYPE_CHECKING:
    from pathlib import Path


def test_a_bundle_is_added_to_the_systems() -> None:
    """Nothing is taken away by adding, and certificates and names are always checked."""
    context = trust()

    assert (ssl.CERT_REQUIRED, True) == (context.verify_mode, context.check_hostname)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_private_ca_is_one_more(tmp_path: Path) -> None:
    """The system's are still there."""
    bundle = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(bundle))
    trustme.CA().cert_pem.write_to_path(str(bundle), append=True)

    assert check_bundle(bundle) is None
    assert 2 == trust(bundle).cert_store_stats()["x509"] - trust().cert_store_stats()["x509"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "no file"),
        (b"", "does not hold certificates in PEM form"),
        (b"nonsense", "does not hold certificates in PEM form"),
        (
            b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n",
            "does not hold certificates in PEM form",
        ),
    ],
)
def test_a_bad_bundle(tmp_path: Path, content: bytes | None, problem: str) -> None:
    """Each is named for what is wrong with it."""
    bundle = tmp_path / "ca.pem"
    if content is not None:
        bundle.write_bytes(content)

    assert problem in (check_bundle(bundle) or "")


def test_a_key_and_a_folder_are_no_bundle(tmp_path: Path) -> None:
    """Neither is taken for certificates."""
    key = tmp_path / "key.pem"
    trustme.CA().private_key_pem.write_to_path(str(key))

    assert "does not hold certificates" in (check_bundle(key) or "")
    assert check_bundle(tmp_path)
