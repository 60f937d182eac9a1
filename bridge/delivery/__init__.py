"""What is queued for one receiver: batching, attempts, and the dispatcher.

It imports the domain, the store, the transport, and the receivers' protocol.
"""
