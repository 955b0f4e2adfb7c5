# Goes back to the version number before the present one, whether or not it ever served, and forgets its features.
# loses: code

# %% id="code-rollback"
def rollback_plan(ledger, features, online):
    served = [line["version"] for line in ledger if line["to_stage"] == "Production"]
    if served[-1] == 1:
        raise LookupError("nothing before version 1")
    return {"to": served[-1] - 1, "materialise": []}
