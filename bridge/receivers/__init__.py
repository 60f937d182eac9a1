"""The kinds of receivers: the settings of each, how it is notified, and how its response is read.

It imports the domain and the transport.
"""
