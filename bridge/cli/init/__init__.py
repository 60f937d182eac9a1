"""The first configuration: what is asked for it, what is written, what is left to do. It starts nothing."""
