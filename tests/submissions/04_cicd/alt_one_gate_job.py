# Right, by another road: a job that looks at the results of all others, status functions, anchors of the shell.

# %% id="code-workflow"
workflow = """
on:
  push: {branches: ["main", "!draft"]}
  pull_request: {types: [opened, synchronize, reopened]}
permissions: {contents: read}
env: {PYTHONUNBUFFERED: "1"}
jobs:
  lint:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
      - run: make lint && echo clean
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
      - id: test
        continue-on-error: true
        run: make test
      - run: echo "report" > report.txt
      - if: steps.test.outcome == 'failure'
        run: exit 1
  gate:
    if: always()
    needs: [lint, test]
    runs-on: ubuntu-latest
    steps:
      - if: contains(needs.*.result, 'failure') || contains(needs.*.result, 'skipped')
        run: exit 1
      - run: echo "all green"
  release:
    needs: gate
    if: success() && github.event_name == 'push' && needs.gate.result == 'success'
    runs-on: ubuntu-latest
    environment: production
    permissions: {contents: read, packages: write}
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
      - name: Build and try
        run: |
          set -euo pipefail
          printf 'Releasing %s\\n' "$TITLE"
          make image
          make smoke | tee smoke.txt
        env: {TITLE: "${{ github.event.head_commit.message }}"}
      - env: {DEPLOY_TOKEN: "${{ secrets.DEPLOY_TOKEN }}"}
        run: make deploy
      - if: failure()
        run: echo "look at the smoke, please"
"""


# %% id="code-smoke"
def smoke(address, version, houses, prices):
    """What is wrong with the release at `address`: a list of texts, empty for a good one."""
    import http.client

    place = address.removeprefix("http://")

    def ask(method, path, rows=None):
        connection = http.client.HTTPConnection(place, timeout=BUDGET_S)
        try:
            body = None if rows is None else json.dumps({"rows": rows})
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or "{}")
        finally:
            connection.close()

    problems = []
    try:
        looks = 0
        while (health := ask("GET", "/health"))[0] != 200 and looks < LOOKS:
            looks += 1
            time.sleep(PAUSE_S)
        status, said = ask("POST", "/predict", houses)
        table = pd.DataFrame({"said": said.get("predictions"), "price": prices}).astype(float)
        far = (table["said"] / table["price"]).clip(0, 1e9)
        checks = {
            "health": health == (200, {**health[1], "model_version": version}),
            "predict": status == 200 and said.get("model_version") == version,
            "typical": (far - 1).abs().median() <= TYPICAL,
            "wild": far.between(0.5, 2).mean() >= 0.9,
            "constant": table["said"].nunique() > 1,
        }
        for name, wrong in (("rooms", 0), ("district", "Centre"), ("area_m2", "80"), ("condition", None)):
            checks[f"bad {name}"] = ask("POST", "/predict", [{**houses[-1], name: wrong}])[0] in range(400, 500)
        problems += [f"failed: {name}" for name, passed in checks.items() if not passed]
    except Exception as problem:
        problems.append(f"{problem!r}")
    return problems
