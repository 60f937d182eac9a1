"""CSV: lists of messages that are read, and messages and events that are written, for spreadsheets and programs.

Pure; it may import the rest of the domain.
"""
