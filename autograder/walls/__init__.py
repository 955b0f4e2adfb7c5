"""The walls around student code: one bubblewrap sandbox a worker, in it a warm process, and a fork of it a submission.

Outside, trusted: `bubblewrap` builds the command, `sandbox` holds the process, `guest` one submission in it, and
`provisioner` is how jupyter_client sees that.
Inside: `zygote` has imported everything and forks, `jail` closes the walls of one submission, `warm_kernel` runs its
cells, `examination` looks at its files.
"""

PORTS = {"shell": 1, "iopub": 2, "stdin": 3, "hb": 4, "control": 5}
LISTENED = ("shell", "iopub", "stdin", "control")
# The grader's own kind of message beside Jupyter's, and what answers it.
QUESTION, ANSWER = "ask_request", "ask_reply"
