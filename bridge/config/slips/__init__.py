"""What people who are no programmers get wrong in YAML, said in plain words. Pure: text in, diagnosis out.

A text that the parser refuses is looked at by `finder`, a value that a check refused by `values`; `excerpt` shows the
line, without what may be a secret in it.
"""
