"""The instructor's side: grades collected notebooks, each in a process of its own that holds no answers.

The parent process is trusted. It holds references, salts and verdicts, and neither executes nor unpickles anything of a
submission. ``child/`` is what runs beside a submission. Only the command line, ``python -m labutils``, imports this.
"""
