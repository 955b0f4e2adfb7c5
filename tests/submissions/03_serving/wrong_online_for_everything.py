# Online for every brief; and a queue that is shorter than nothing.
# loses: theory

# %% id="theory-architecture"
theory_architecture = {"1": "A", "2": "A", "3": "A", "4": "A", "5": "A", "6": "A"}


# %% id="theory-wait"
def theory_wait(rate, threads, latency_s, minutes):
    """Seconds in the queue."""
    served = threads / latency_s
    return (rate - served) * 60 * minutes / served


# %% id="theory-bill"
def theory_bill(per_day, peak_per_s, single_s, tray_s, euro_per_hour):
    """EUR a month, as {"online": …, "batch": …}."""
    replicas = math.ceil(peak_per_s * single_s)
    return {
        "online": replicas * 24 * 30 * euro_per_hour,
        "batch": per_day * 30 * tray_s / 3600 * euro_per_hour,
    }
