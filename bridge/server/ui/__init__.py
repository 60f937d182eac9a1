"""The web pages: plain HTML from templates, a style sheet, and a script that they work without.

It imports what the server may import.
"""
