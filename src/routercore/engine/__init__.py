"""The shell: the only code that awaits, reads a clock, draws randomness or opens a socket."""
