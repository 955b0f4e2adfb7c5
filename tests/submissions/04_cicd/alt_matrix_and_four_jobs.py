# Right, by another road: a matrix, a job for each stage, rights by job, urllib and one house at a time, numpy.

# %% id="theory-canary"
def theory_canary(error, sure, share, rate):
    """Seconds until a failure has been seen."""
    n = 0
    while 1 - (1 - error) ** n < sure:
        n += 1
    return n / rate / share


# %% id="theory-harm"
def theory_harm(rate, error, steps, needed, lag_s):
    """Wrong answers, on average, until the new version is gone."""
    left, total = needed, 0.0
    for share, seconds in steps:
        flow = share * rate
        if flow * seconds >= left:
            return error * (needed + flow * lag_s)
        left -= flow * seconds
        total += flow * seconds
    return error * total


# %% id="code-workflow"
workflow = """
name: ship
on: [push, pull_request]
permissions: {}
defaults:
  run:
    shell: bash
jobs:
  check:
    strategy:
      fail-fast: false
      matrix:
        what: [lint, test]
    runs-on: ubuntu-24.04
    timeout-minutes: 20
    permissions: {contents: read}
    steps:
      - name: the code
        uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
        with: {persist-credentials: false}
      - run: make ${{ matrix.what }} 2>&1 | tee report.txt
  build:
    needs: check
    if: ${{ github.ref == 'refs/heads/main' && github.event_name != 'pull_request' }}
    runs-on: ubuntu-24.04
    permissions: {contents: read, packages: write}
    outputs:
      tag: ${{ steps.name.outputs.tag }}
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
      - id: name
        run: echo "tag=v-${GITHUB_SHA:0:8}" >> "$GITHUB_OUTPUT"
      - run: make image TAG=${{ steps.name.outputs.tag }}
  staging:
    needs: build
    runs-on: ubuntu-24.04
    permissions: {contents: read}
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
      - run: |
          if ! make smoke TAG="$TAG"; then
            echo "no smoke without fire" >&2
            exit 1
          fi
        env: {TAG: "${{ needs.build.outputs.tag }}"}
  production:
    needs: [build, staging]
    runs-on: ubuntu-24.04
    permissions: {contents: read}
    environment: {name: production, url: "https://prices.example"}
    concurrency: production
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8
      - run: timeout 10m make deploy TAG="$TAG"
        env:
          TAG: ${{ needs.build.outputs.tag }}
          DEPLOY_TOKEN: ${{ secrets['DEPLOY_TOKEN'] }}
"""


# %% id="code-smoke"
def smoke(address, version, houses, prices):
    """What is wrong with the release at `address`: a list of texts, empty for a good one."""
    import urllib.error
    import urllib.request

    def ask(path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address + path, data, {"Content-Type": "application/json"})
        started = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=BUDGET_S) as answer:
                status, said = answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refusal:
            status, said = refusal.code, {}
        if time.monotonic() - started > BUDGET_S:
            raise TimeoutError(path)
        return status, said

    def ready():
        for _ in range(LOOKS):
            status, said = ask("/health")
            if status == 200:
                return said["model_version"] == version
            time.sleep(PAUSE_S)
        return False

    try:
        if not ready():
            return ["never ready, or another version"]
        got = []
        for house in houses[:40]:
            status, said = ask("/predict", {"rows": [house]})
            if status != 200 or said["model_version"] != version:
                return [f"{status} {said.get('model_version')}"]
            got += said["predictions"]
        off = sorted(abs(math.log(price / right)) for price, right in zip(got, prices, strict=False))
        found = []
        if not off[20] < 0.35 or not off[35] <= math.log(2):
            found.append("prices are off")
        if max(got) - min(got) < 1:
            found.append("one price")
        for change in ({"condition": 6}, {"district": "harbour"}, {"rooms": "three"}, {"distance_km": None}):
            status, _ = ask("/predict", {"rows": [{**houses[1], **change}]})
            if status // 100 != 4:
                found.append(f"{change}: {status}")
        return found
    except (OSError, ValueError, KeyError, TypeError) as problem:
        return [f"{type(problem).__name__}: {problem}"]
