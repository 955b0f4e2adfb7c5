# %% [markdown] id="start"
# # Start here
#
# Welcome. In six labs you will run a real machine-learning system, from the first tracked experiment to the bill: one town,
# its houses, and a market that does not stand still. You read for half of the time and build for the other half. The labs keep
# to this folder, so try things: there is nothing here that cannot be started afresh.
#
# This page takes ten minutes. Run its cells from the top with **Shift+Enter**.
#
# *[Trang này bằng tiếng Việt](vi/00_start_here.ipynb)*

# %% [markdown] id="setup-text"
# ## Is everything here?
#
# The next cell looks at your machine. Each line says `ok`, or `MEND` and how; a `note` costs you nothing.

# %% id="setup-check" folded=true
from pathlib import Path

try:
    from lib.setup_check import check_setup, find_root, summary
except ImportError as error:
    print(f"MEND  this page runs in another Python ({error}).")
    print("      In the course's folder run `make setup`, then `make lab`, and open this page there.")
else:
    print(summary(check_setup(find_root(Path.cwd()))))

# %% [markdown] id="how-a-lab-works"
# ## How a lab works
#
# Each lab is one notebook and takes about 100 minutes. The first half is **theory**: short texts, pictures that the notebook
# draws itself, and questions beside what they ask about. Where it says **Predict**, say your guess aloud before you run the
# cell; a wrong guess is what makes the right answer stick. The second half is **practice**: you write a few lines at a time,
# plug them into the real system and watch it work. A short report ends it.
#
# You write only where it says `# YOUR CODE HERE` or *Write here*. Under each such cell stands a **check**. Try one: run both
# cells below, read what the check says, put the answer right, and run both again.

# %% id="try-answer"
houses = [250_000, 310_000, 1_900_000]


def typical_price(prices):
    """The price in the middle: one villa must not move it."""
    return sum(prices) / len(prices)


# %% id="try-check" tags=["raises-exception"]
from autograder.lab import expect

middle = typical_price(houses)
expect(middle, 310_000, given=houses, slip="that is the mean; sort them and take the one in the middle")
print("passed")

# %% [markdown] id="habits"
# ## Four habits that save an evening
#
# - **Run from the top.** A cell sees what the cells above have made. *Run › Run All Cells* goes through the whole lab and does
#   not stop at a check that is still open.
# - **Restart when things get odd.** *Kernel › Restart Kernel and Run All Cells* is how the grader reads your notebook: from the
#   top, with a clean memory. What works only in the order in which you happened to try it does not work.
# - **Press Validate before you hand in.** The button above the notebook runs a saved lab afresh and lists the checks that do not
#   pass. It runs everything, so give it a minute or two.
# - **Save often** (Ctrl+S). The table at the end of this page reads what you saved.

# %% [markdown] id="where-files-go"
# ## Where your work goes
#
# Your answers are in the notebook, and nowhere else. What a lab *makes* (runs, models, data) goes to `out/labs/<lab>/` in the
# course's folder; running the lab's set-up cell again starts afresh there and keeps the last attempt beside it, in
# `<lab>.previous`.
#
# To see your runs in MLflow's own pages, open a second terminal in the course's folder:
#
# ```bash
# make mlflow MODULE=01_tracking
# ```
#
# and go to the address that it prints. Ctrl+C ends it. If the port is taken, choose another: `PORT=5001`.

# %% [markdown] id="stuck"
# ## When you are stuck
#
# 1. Read the check's last line: it names the likely slip.
# 2. Read the section above the task once more; each task practises what stands there.
# 3. Look the message up in [troubleshooting](guide/troubleshooting.md), where errors stand by their exact text, or a word in the
#    [glossary](guide/glossary.md). Each lab has a [cheat sheet](guide/cheatsheets/01_tracking.md) of one page.
# 4. Leave it and go on. Tasks are judged one by one, and an error in one does not cost you the next.
#
# What to know before you begin stands in the [prerequisites](guide/prerequisites.md), a plan for six weeks in the
# [syllabus](guide/syllabus.md), and where to read on in the [reading list](guide/reading.md).

# %% [markdown] id="points"
# ## How points come
#
# | 100 points a lab | for |
# |---|---|
# | theory **30** | the questions of the first half |
# | code **30** | the tasks of the second half, each judged by itself |
# | results **30** | what your system as a whole achieves, in steps |
# | report **10** | 4 for evidence from your own run, 6 for the writing, which a person reads |
#
# A check in the notebook shows that you are on the way. It is not the grade:
#
# - of a question, it looks at the *form* of your answer only (`"B"`, not `"option b"`);
# - the grader runs your notebook with **other numbers**: another town, other houses. A figure that you typed in is wrong there;
#   a function that computes it is right;
# - some checks are hidden. They ask no more than the task's text says: empty tables, ties, missing values.
#
# No points are lost for a part that your machine cannot run, and none for trying.

# %% [markdown] id="progress-text"
# ## How far am I?
#
# The next cell reads your saved labs: how many questions you have answered, and how many visible checks passed when you last
# ran them. Click a title to open the lab. Run the cell again whenever you like to see it grow.

# %% id="progress"
from IPython.display import Markdown

from autograder.progress import progress_table

Markdown(progress_table(Path.cwd()))

# %% [markdown] id="go"
# **Begin with [01 · Tracking and versioning](01_tracking/01_tracking.ipynb).** The labs build on one another, so take them in
# order. At the end waits the [capstone](07_capstone.ipynb): the whole loop on a market of your own, for no points and some pride.
