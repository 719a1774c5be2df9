"""The one command, `payments`: what all of its sub-commands share, and who runs which.

cli         finds the program that a sub-command names
settings    where things are, declared once: flags, variables and the file have these names
sources     a setting is taken from a flag, else a variable, else the file
parser      the one form of command lines
exit_codes  how a command ends
config      `payments config show`
completion  `payments completion`
quiet       silences what libraries announce at every start

Everything else may import this package, and it imports nothing of ours: programs are found by name.
"""
