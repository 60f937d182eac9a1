"""HTTP in: the API, the web pages, authentication, and WbizTool's webhook.

It imports the domain, the store, value types of settings, and the receivers' wording.
"""
