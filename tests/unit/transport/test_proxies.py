"""Which proxy leads to an address, by the environment."""

from __future__ import annotations

import ipaddress
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.transport.proxies import PORTS, Proxy, ascii_host, proxy_for, read_proxy

PROXY = "http://proxy.example.com:3128"


def goes_direct(url: str, no_proxy: str) -> bool:
    return proxy_for(url, {"https_proxy": PROXY, "http_proxy": PROXY, "no_proxy": no_proxy}) is None


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
def test_variable_counts_in_both_cases(name: str) -> None:
    assert proxy_for("https://a.example/", {name: PROXY}) == PROXY


def test_scheme_goes_before_all_and_lower_case_before_upper() -> None:
    environ = {"ALL_PROXY": "http://c", "http_proxy": "http://a", "HTTP_PROXY": "http://b"}
    assert proxy_for("http://x.example/", environ) == "http://a"
    assert proxy_for("https://x.example/", environ) == "http://c"
    assert proxy_for("http://x.example/", {"http_proxy": "", "HTTP_PROXY": "http://b"}) is None


@pytest.mark.parametrize(
    ("url", "no_proxy", "direct"),
    [
        ("https://a.example.com/", "example.com", True),
        ("https://example.com/", ".example.com", True),
        ("https://a.example.com/", "*.example.com", True),
        ("https://badexample.com/", "example.com", False),
        ("https://EXAMPLE.com./", "example.COM", True),
        ("https://a.example/", "*", True),
        ("https://a.example/", "b.example, a.example", True),
        ("http://127.0.0.1:8080/", "127.0.0.1:8080", True),
        ("http://127.0.0.1:8081/", "127.0.0.1:8080", False),
        ("https://a.example/", "a.example:443", True),
        ("http://a.example/", "a.example:443", False),
        ("http://10.1.2.3/", "10.0.0.0/8", True),
        ("http://11.1.2.3/", "10.0.0.0/8", False),
        ("http://[fd00::1]/", "fd00::/8", True),
        ("http://[fd00::1]:81/", "[fd00::]:81", False),
        ("http://[::1]:81/", "[::1]:81", True),
        ("http://[::1]/", "::1", True),
        ("http://[::ffff:10.0.0.1]/", "10.0.0.0/8", True),
        ("https://bücher.example/", "xn--bcher-kva.example", True),
        ("https://a.example/", "", False),
        ("https://a.example/", ",,:,[,]:x,10.0.0.0/99", False),
    ],
)
def test_no_proxy_names_who_is_called_directly(url: str, no_proxy: str, direct: bool) -> None:
    assert goes_direct(url, no_proxy) is direct


@given(st.ip_addresses(), st.integers(0, 128), st.ip_addresses())
def test_network_covers_exactly_its_addresses(
    base: ipaddress.IPv4Address | ipaddress.IPv6Address,
    bits: int,
    host: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    network = ipaddress.ip_network(f"{base}/{min(bits, base.max_prefixlen)}", strict=False)
    url = f"http://[{host}]/" if host.version == 6 else f"http://{host}/"
    plain = getattr(host, "ipv4_mapped", None) or host
    assert goes_direct(url, str(network)) is (plain in network)


@given(st.text())
def test_no_value_of_no_proxy_raises(no_proxy: str) -> None:
    goes_direct("https://a.example/", no_proxy)
    goes_direct("https://127.0.0.1/", no_proxy)


@given(st.sampled_from(sorted(PORTS)), st.text(min_size=1), st.text())
def test_user_and_password_are_read_and_not_shown(kind: str, user: str, password: str) -> None:
    proxy = read_proxy(f"{kind}://{quote(user, safe='')}:{quote(password, safe='')}@proxy.example.com:99")
    assert (proxy.address, proxy.user, proxy.password) == (f"{kind}://proxy.example.com:99", user, password)
    assert repr(proxy) == f"Proxy(address='{kind}://proxy.example.com:99')"


def test_proxy_without_kind_is_an_http_proxy() -> None:
    assert read_proxy("proxy.example.com:3128") == Proxy("http://proxy.example.com:3128")
    assert read_proxy("http://[::1]") == Proxy("http://[::1]:80")


@pytest.mark.parametrize("address", ["socks://a", "ftp://a", "http://", "http://:80", "://", "http://a:99999"])
def test_what_is_no_proxy_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"not the address of a proxy|[Pp]ort"):
        read_proxy(address)


def test_international_name_is_converted() -> None:
    assert ascii_host("Bücher.example") == "xn--bcher-kva.example"
