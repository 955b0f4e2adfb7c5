"""Notebook structure, metadata and tags: what a file may say besides its answers."""

# %% skip_tags
# Tags that make runners leave a cell out, or put their own in its place.
# strikes: notebook
for cell in notebook["cells"]:
    cell["metadata"]["tags"] = ["skip-execution", "injected-parameters", "parameters", "raises-exception", "remove_cell"]

# %% own_parameters
# A cell that looks as papermill's own does.
# strikes: notebook
notebook["cells"].insert(3, {
    "cell_type": "code", "id": "injected", "metadata": {"tags": ["injected-parameters"]},
    "outputs": [], "execution_count": None, "source": "TEXT = ''\ndef first(words): return 'a'",
})

# %% thousand_points
# The points, locks and schema of nbgrader, as the student would like them.
# strikes: notebook
for cell in notebook["cells"]:
    if "nbgrader" in cell["metadata"]:
        cell["metadata"]["nbgrader"] |= {"points": 1000, "locked": False, "grade": True, "solution": False, "schema_version": 99}

# %% checks_removed
# strikes: notebook
notebook["cells"] = [cell for cell in notebook["cells"] if not cell["id"].endswith("-check")]

# %% checks_rewritten
# strikes: notebook
for cell in notebook["cells"]:
    if cell["id"].endswith("-check"):
        cell["source"] = "pass"

# %% outputs_of_success
# strikes: notebook
for cell in notebook["cells"]:
    if cell["cell_type"] == "code":
        cell["execution_count"] = 1
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "passed: 2 of 2 points\n"}]

# %% cells_named_like_checks
# More check cells, with the grade ids of the real ones.
# strikes: notebook
for name in ("code-guard-check", "results-file-check", "theory-rare-check"):
    notebook["cells"].append({
        "cell_type": "code", "id": name + "-2", "metadata": {"nbgrader": {"grade_id": name, "grade": True, "points": 50}},
        "outputs": [], "execution_count": None, "source": "def first(words): return 'a'",
    })

# %% answer_given_twice
# One cell for the reader, another for the grader; neither counts.
# flagged: duplicated cell code-guard
# strikes: notebook
for text in ("def first(words): return words[0]", "def first(words):\n    raise ValueError"):
    notebook["cells"].append({
        "cell_type": "code", "id": f"again-{len(text)}", "metadata": {"nbgrader": {"grade_id": "code-guard"}},
        "outputs": [], "execution_count": None, "source": text,
    })

# %% kind_of_cell_swapped
# flagged: missing cell code-guard
# strikes: notebook
for cell in notebook["cells"]:
    if cell["id"] == "code-guard":
        cell["cell_type"] = "markdown"
    elif cell["cell_type"] == "markdown":
        cell |= {"cell_type": "code", "outputs": [], "execution_count": None}

# %% extra_cells_define_names
# What is not a task is not run.
# strikes: notebook
for place in (0, 4, 9, len(notebook["cells"])):
    notebook["cells"].insert(place, {
        "cell_type": "code", "id": f"extra-{place}", "metadata": {}, "outputs": [], "execution_count": None,
        "source": "import os\nos._exit(0)",
    })

# %% setup_rewritten
# Cells that are not tasks: the set-up, the shared imports, the parameters.
# strikes: notebook
for cell in notebook["cells"]:
    if cell["id"] in ("imports", "setup", "parameters"):
        cell["source"] = "def expect(*_, **__): pass\nrequire = attempt = examine = seed = expect\nTEXT = ''"

# %% another_kernel
# strikes: notebook
notebook["metadata"]["kernelspec"] = {"name": "../../evil", "display_name": "$(touch /tmp/x)", "language": "bash"}
notebook["metadata"]["language_info"] = {"name": "bash", "codemirror_mode": {"name": "'><script>"}}
notebook["metadata"]["papermill"] = {"parameters": {"TEXT": ""}, "exception": True, "input_path": "/etc/passwd"}

# %% widgets_and_attachments
# strikes: notebook
notebook["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {"a": {"model_name": "<script>"}}}}
for cell in notebook["cells"]:
    if cell["cell_type"] == "markdown":
        cell["attachments"] = {"x.svg": {"image/svg+xml": "<svg onload='alert(1)'/>"}, "../../../x": {"text/html": "<script>"}}

# %% metadata_of_odd_shape
# One cell that no editor writes must not cost the others.
# strikes: notebook
notebook["cells"] += [
    {"cell_type": "code", "id": "odd-1", "metadata": {"nbgrader": 7}, "outputs": [], "source": ""},
    {"cell_type": "code", "id": "odd-2", "metadata": [], "outputs": [], "source": ""},
    {"cell_type": "code", "id": ["odd"], "metadata": {"nbgrader": {"grade_id": {"a": 1}}}, "outputs": None, "source": ""},
]

# %% cells_without_parts
# strikes: notebook
notebook["cells"] += [
    {"id": "code-guard"},
    {"id": "code-guard", "cell_type": "code"},
    {"id": "code-guard", "cell_type": "code", "source": 7, "metadata": {}},
    {"id": "code-guard", "cell_type": "code", "source": {"a": 1}, "metadata": {}},
    {"metadata": {"nbgrader": {"grade_id": "theory-kinds"}}},
    {"cell_type": ["code"], "id": "theory-rare", "source": None},
]

# %% cells_of_no_shape
# costs: theory-rare theory-kinds code-count results-file
# flagged: another notebook
# strikes: notebook
notebook["cells"] = {"id": "code-guard"}

# %% things_among_the_cells
# strikes: notebook
notebook["cells"][2:2] = [None, 7, "text", [], [[]]]

# %% untouched_but_for_white_space
# A stub with a blank more is still a stub.
# strikes: notebook
for cell in notebook["cells"]:
    if cell["id"] in ("code-guard", "report-text"):
        cell["source"] = "".join(cell["source"]) + "\n\n   "

# %% version_of_tomorrow
# strikes: notebook
notebook["nbformat_minor"] = 99
notebook["nbformat_extra"] = {"scoring": "full"}

# %% half_a_character
# A surrogate without its partner cannot be written to any file.
# strikes: notebook
for cell in notebook["cells"]:
    if cell["id"] in ("code-guard", "report-text"):
        cell["source"] = "# \ud800\ndef first(words): return '\udfff'"
