"""Loops that swallow interrupts: each costs its time limits, so they are few."""

# %% deaf_function
# The interrupt is caught each time it comes.
# flagged: kernel died
# costs: results-file
# strikes: code-guard
import time

def first(words):
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass

# %% deaf_cell
# flagged: kernel died
# costs: results-file
# strikes: code-guard
import signal, time

signal.signal(signal.SIGINT, signal.SIG_IGN)
while True:
    time.sleep(60)

# %% loop_in_c
# No bytecode runs, so no signal handler does.
# flagged: kernel died
# costs: results-file
# strikes: code-guard
import itertools

def first(words):
    return sum(itertools.repeat(0))

# %% endless_task
# A coroutine that is always ready keeps the kernel's event loop busy after its cell.
# strikes: code-guard
import asyncio

async def spin():
    while True:
        await asyncio.sleep(0)

tasks = [asyncio.ensure_future(spin()) for _ in range(20)]

def first(words):
    return None

# %% timeout_in_place_of_an_error
# "It raised something" must not be met by running for ever.
# strikes: code-guard
def first(words):
    while not words:
        pass
    return words[0]

# %% endless_input
# Waits for somebody to type.
# strikes: code-guard
def first(words):
    return input("the first word? ")
