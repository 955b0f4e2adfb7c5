"""What the Validate button of `make lab` obeys."""

c = get_config()  # noqa: F821 - nbgrader provides it
# A cell of a lab takes seconds; nbgrader's 30 would fail right answers on a machine that has other things to do.
c.Execute.timeout = 300
