"""One bounded HTTP call, with TLS, proxies and rate limiting. It imports nothing of the bridge but the domain."""
