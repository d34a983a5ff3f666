"""The command ``pliant``: search a space that a file of the user's defines, from a shell.

Commands are thin: they read what was typed, call the floors below, and print.  Whatever they can do, a
program can do with ``pg.sample`` and ``pg.Study``.
"""
