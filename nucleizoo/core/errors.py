"""The one family of errors that a user can mend: shown as a paragraph, without a traceback."""


class UserError(Exception):
    """Something in the user's files, configuration or machine must change first.

    The message says what was wanted, what came, where, and the mend.
    The command line prints it and exits with 2; a notebook sees an ordinary exception.
    """


class ConfigError(UserError):
    """One or more keys or values of a configuration are wrong; the message lists all of them."""


class ImageReadError(UserError):
    """A file cannot be used as an image; the message names the file and the reason."""


class SynthesisError(UserError):
    """Synthetic nuclei cannot be placed with the sizes and counts asked for."""


class RunError(UserError):
    """A run folder is missing, damaged, already there, or belongs to another configuration."""


class RankError(UserError):
    """Another process of the same training has failed and says why; this one only ends."""


class DivergedError(UserError):
    """A loss is no longer a finite number; the message names the term and the iteration."""
