"""Which proxy there is, and who is reached without it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackkefu.net.proxy import Exemption, Proxies, Proxy, exempt_by, joined, proxy_variable
from slackkefu.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port"),
    [
        ("http://proxy.test:3128", "http", "proxy.test", 3128),
        ("https://PROXY.test/", "https", "proxy.test", 443),
        ("http://10.0.0.1", "http", "10.0.0.1", 80),
        ("socks5://[::1]:9050", "socks5", "::1", 9050),
        ("socks5h://proxy.test", "socks5h", "proxy.test", 1080),
    ],
)
def test_a_proxy_is_read(text: str, scheme: str, host: str, port: int) -> None:
    """Scheme, host and port; a port that is not said is the usual one."""
    proxy = Proxy.read(text)

    assert (scheme, host, port, None, None) == (proxy.scheme, proxy.host, proxy.port, proxy.user, proxy.password)


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
def test_name_and_password_are_read_and_never_shown(scheme: str) -> None:
    """They come with %XX for what an address cannot hold."""
    proxy = Proxy.read(f"{scheme}://li%20lei:hunter2%40%2F@proxy.test:8080")

    assert (Secret("li lei"), Secret("hunter2@/")) == (proxy.user, proxy.password)
    assert f"{scheme}://proxy.test:8080" == str(proxy)
    assert not {"li", "hunter2"} & {*repr(proxy).replace("'", " ").split()}
    assert "hunter2" not in f"{proxy!r} {proxy} {Proxies(proxy)!r}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "does not begin with"),
        ("proxy.test:3128", "does not begin with"),
        ("ftp://proxy.test", "does not begin with"),
        ("socks4://proxy.test", "does not begin with"),
        ("http://", "without a usable host"),
        ("http://:3128", "without a usable host"),
        ("http://代理.test", "without a usable host"),
        ("http://proxy.test:0", "without a usable host"),
        ("http://proxy.test:99999", "cannot be read"),
        ("http://[::1", "cannot be read"),
        ("http://u%ff:hunter2@proxy.test", "cannot be read"),
        ("http://u:hunter2/x@proxy.test", "cannot be read"),
        ("http://u:hunter2@proxy.test/x", "with a path"),
        ("http://u:hunter2@proxy.test?x", "with a path"),
        ("http://u:hunter2#x@proxy.test", "cannot be read"),
        ("http://proxy .test", "space or control"),
        ("http://:hunter2@proxy.test", "a password without a name"),
        ("http://a%3Ab:hunter2@proxy.test", "a name with a colon"),
        ("socks5://u@proxy.test", "SOCKS5 cannot carry"),
        ("socks5://u:%E5%AF%86@proxy.test", "SOCKS5 cannot carry"),
        ("socks5://u:" + "x" * 256 + "@proxy.test", "SOCKS5 cannot carry"),
    ],
)
def test_what_is_no_proxy_is_told_without_repeating_it(text: str, problem: str) -> None:
    """The words name the fault, and hold nothing of the address."""
    with pytest.raises(ValueError, match=problem) as caught:
        Proxy.read(text)

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@given(st.text() | st.text().map("http://{}".format))
def test_any_text_has_an_answer(text: str) -> None:
    """No text makes reading fail in another way."""
    for read in (Proxy.read, Exemption.read):
        with suppress(ValueError):
            read(text)


@pytest.mark.parametrize(
    ("entry", "covered", "others"),
    [
        ("example.com", ["example.com", "a.b.example.com"], ["anexample.com", "example.com.cn", "com"]),
        (".example.com", ["example.com", "a.example.com"], ["anexample.com"]),
        ("*.Example.COM", ["example.com", "a.example.com"], ["example.org"]),
        ("example.com.", ["example.com", "a.example.com"], []),
        ("intra_net", ["intra_net"], ["other"]),
        ("*", ["example.com", "10.0.0.1", "::1"], []),
        ("10.1.2.3", ["10.1.2.3"], ["10.1.2.4", "a.10.1.2.3"]),
        ("10.0.0.0/8", ["10.1.2.3"], ["11.0.0.1", "example.com"]),
        ("10.1.2.3/8", ["10.9.9.9"], ["11.0.0.1"]),
        ("fd00::/8", ["fd12::1"], ["fe80::1", "10.0.0.1"]),
        ("2001:db8::1", ["2001:db8::1", "2001:DB8:0::1"], ["2001:db8::2"]),
        ("[2001:db8::1]", ["2001:db8::1"], []),
        ("bücher.test", ["xn--bcher-kva.test", "a.xn--bcher-kva.test"], ["xn--bcher-kva"]),
    ],
)
def test_who_is_reached_without_it(entry: str, covered: list[str], others: list[str]) -> None:
    """Names cover what is below them, networks their numbers; nothing is looked up."""
    exemption = Exemption.read(entry)

    assert covered == [host for host in covered + others if exemption.covers(host.lower(), 443)]


@pytest.mark.parametrize(
    ("entry", "host"), [("example.com:8443", "a.example.com"), ("[::1]:8443", "::1"), ("10.0.0.1:8443", "10.0.0.1")]
)
def test_a_port_narrows_it(entry: str, host: str) -> None:
    """An entry with a port is for that port."""
    exemption = Exemption.read(entry)

    assert [False, True] == [exemption.covers(host, port) for port in (443, 8443)]


@pytest.mark.parametrize("entry", ["", "http://example.com", "a b", "example.com:x", "a..b", "10.0.0.0/64", "<local>"])
def test_what_is_no_entry(entry: str) -> None:
    """It is refused, not passed over: a slip would send traffic another way than the operator thinks."""
    with pytest.raises(ValueError, match=r"no number|no host"):
        Exemption.read(entry)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_is_never_reached_through_a_proxy(host: str) -> None:
    """A proxy would take it for itself."""
    assert Proxies(Proxy.read("http://proxy.test")).of(host, 80) is None


def test_the_proxy_is_for_all_others() -> None:
    """Exemptions count whatever the case, and with a dot at the end."""
    proxy = Proxy.read("http://proxy.test")
    proxies = Proxies(proxy, (Exemption.read("corp.test"),))

    assert [proxy, proxy, None, None, None] == [
        proxies.of(host, 443) for host in ("slack.com", "10.0.0.1", "corp.test", "kefu.CORP.test", "kefu.corp.test.")
    ]
    assert Proxies().of("slack.com", 443) is None


@pytest.mark.parametrize("entry", ["bücher.test", "xn--bcher-kva.test"])
@pytest.mark.parametrize("host", ["bücher.test", "BÜCHER.test.", "a.xn--bcher-kva.test"])
def test_a_name_in_other_letters_is_one_name(entry: str, host: str) -> None:
    """Whichever way somebody writes it."""
    assert Proxies(Proxy.read("http://proxy.test"), (Exemption.read(entry),)).of(host, 443) is None


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ("", "")),
        ({"HTTPS_PROXY": "http://a"}, ("http://a", "HTTPS_PROXY")),
        ({"HTTPS_PROXY": "http://a", "https_proxy": "http://b"}, ("http://b", "https_proxy")),
        ({"HTTPS_PROXY": "http://a", "ALL_PROXY": "socks5://b"}, ("http://a", "HTTPS_PROXY")),
        ({"HTTP_PROXY": "http://a", "ALL_PROXY": "socks5://b"}, ("socks5://b", "ALL_PROXY")),
        ({"HTTP_PROXY": "http://a"}, ("http://a", "HTTP_PROXY")),
        ({"HTTPS_PROXY": "  ", "http_proxy": "a:3128"}, ("http://a:3128", "http_proxy")),
        ({"HTTPS_PROXY": "http://a", "https_proxy": ""}, ("", "")),
    ],
)
def test_what_the_environment_says(environ: Mapping[str, str], expected: tuple[str, str]) -> None:
    """The variables that other tools read, small letters first; one set to nothing says that there is none."""
    assert expected == proxy_variable(environ)


def test_whom_the_environment_exempts() -> None:
    """Commas or blanks between; what nobody understands is passed over, as it is by others."""
    environ = {"NO_PROXY": "overruled.test", "no_proxy": "localhost, .corp.test 10.0.0.0/8,10.*,<local>,,*.x.test"}

    assert ["localhost", ".corp.test", "10.0.0.0/8", "*.x.test"] == list(exempt_by(environ))
    assert ["a.test"] == list(exempt_by({"NO_PROXY": "a.test"}))
    assert [] == list(exempt_by({}))


def test_addresses_are_joined_as_they_are_read() -> None:
    """An IPv6 address goes into brackets."""
    assert ("a.test:1", "[::1]:2") == (joined("a.test", 1), joined("::1", 2))
