# Finds the version and brings back its weights alone.
# loses: code

# %% id="code-rollback"
def rollback_plan(ledger, features, online):
    kinds = ("promote", "rollback")
    served = [line["version"] for line in ledger if line["to_stage"] == "Production" and line["kind"] in kinds]
    before = [version for version in served if version != served[-1]]
    if not before:
        raise LookupError("no other version was in Production before")
    return {"to": before[-1], "materialise": []}
