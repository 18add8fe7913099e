"""Errors that users can fix: shown as a message, without a traceback."""


class UserError(Exception):
    """Something in the user's files, configuration or machine must be fixed first.

    The message says what was expected, what was found, where, and how to fix it.
    The command line prints it and exits with code 2; in a notebook it is an ordinary exception.
    """


class ConfigError(UserError):
    """One or more keys or values of a configuration are wrong; the message lists all of them."""


class ImageReadError(UserError):
    """A file cannot be used as an image; the message names the file and the reason."""


class ForeignFileError(UserError):
    """Where a result should go, there is a file that nucleizoo did not write, or somebody changed."""


class SynthesisError(UserError):
    """Synthetic nuclei cannot be placed with the requested sizes and counts."""


class RunError(UserError):
    """A run folder is missing, damaged, exists already, or belongs to another configuration."""


class RankError(UserError):
    """Another rank of the same training failed and reports why; this one just ends."""


class DivergedError(UserError):
    """A loss is no longer a finite number; the message names the term and the iteration."""


class ProgramError(UserError):
    """Another program failed; the message has the last of what it said."""


class MissingProgramError(ProgramError):
    """Another program, or its weights, is missing; the message says what to install, or where they belong."""
