"""HTTP out: one bounded call by libcurl through the interface of ``requests``; proxies, TLS, and how fast calls go."""
