# Stops whatever is not ready at the first look.
# loses: code

# %% id="code-smoke"
def smoke(address, version, houses, prices):
    """What is wrong with the release at `address`: a list of texts, empty for a good one."""
    problems = []
    house = houses[0]
    bad = [
        {**house, "rooms": 99},
        {**house, "district": "moon"},
        {**house, "area_m2": "80"},
        {**house, "condition": None},
    ]
    with httpx.Client(base_url=address, timeout=BUDGET_S, trust_env=False, verify=TLS) as client:
        try:
            for _ in range(1):
                health = client.get("/health")
                if health.status_code == 200:
                    break
                time.sleep(PAUSE_S)
            said = client.post("/predict", json={"rows": houses}).json()
            ratio = np.array(said["predictions"], dtype=float) / prices
            if {health.json()["model_version"], said["model_version"]} != {version}:
                problems.append(f"version {version} was to be released, and {said['model_version']} answers")
            far = np.mean((ratio < 0.5) | (ratio > 2))
            if not (np.median(abs(ratio - 1)) <= TYPICAL and far <= 0.1):
                problems.append(
                    f"prices: {np.median(abs(ratio - 1)):.0%} off typically, {far:.0%} beyond a factor of two"
                )
            if len(set(said["predictions"])) == 1:
                problems.append("every house gets the same price")
            for row in bad:
                status = client.post("/predict", json={"rows": [row]}).status_code
                if not 400 <= status < 500:
                    problems.append(f"{status} for {row}")
        except Exception as problem:
            problems.append(repr(problem))
    return problems
