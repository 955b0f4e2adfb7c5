# Takes name and size for a version: the first file with the noted number of houses is "the" file.
# loses: code, results

# %% id="code-snapshots"
def identify(runs, snapshots):
    answer = {}
    for run in runs:
        answer[run["run_id"]] = None
        for label, data in snapshots.items():
            if "md5" in run and hashlib.md5(data).hexdigest() == run["md5"]:
                answer[run["run_id"]] = label
            elif "rows" in run and answer[run["run_id"]] is None and data.count(b"\n") - 1 == run["rows"]:
                answer[run["run_id"]] = label
    return answer
