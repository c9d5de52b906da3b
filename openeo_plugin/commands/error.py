"""What a command can't do, in a sentence that tells what to do about it."""


class CommandError(Exception):
    """Shown to the person at the terminal, without a trace."""
