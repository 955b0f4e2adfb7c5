# Takes the answers of the old model for the truth: a good release says just what was said before.
# loses: code, results
# may lose: report

# %% id="code-smoke"
def smoke(address, version, houses, prices):
    """What is wrong with the release at `address`: a list of texts, empty for a good one."""
    problems = []
    with httpx.Client(base_url=address, timeout=BUDGET_S, trust_env=False, verify=TLS) as client:
        try:
            for _ in range(LOOKS):
                health = client.get("/health")
                if health.status_code == 200:
                    break
                time.sleep(PAUSE_S)
            said = client.post("/predict", json={"rows": houses}).json()
            if {health.json()["model_version"], said["model_version"]} != {version}:
                problems.append("version")
            if not np.allclose(said["predictions"], answers(champion, houses, {}), rtol=0.01):
                problems.append("the answers have changed")
            for row in (
                {**houses[0], "rooms": 99},
                {**houses[0], "district": "moon"},
                {**houses[0], "area_m2": "80"},
                {},
            ):
                status = client.post("/predict", json={"rows": [row]}).status_code
                if not 400 <= status < 500:
                    problems.append(f"{status} for {row}")
        except Exception as problem:
            problems.append(repr(problem))
    return problems
