# %% [markdown] id="title"
# # 06 · Security, governance and cost: who may, who knows, who pays
#
# Monday, three letters. A customer: *you have my phone number; delete all about me, and show that it is gone.* An auditor: *who put version 14 into production, and who has
# changed its file since?* Accounting: *your house prices cost 2,300 USD last month, of which training was 90. What was the rest?*
#
# Nobody asks how accurate the model is. The platform works. It must also stand what others do to it, and answer for what it does.
#
# After this lab you can
#
# - say who wants what from an ML service, and which lock stops whom;
# - give each role what it needs, and not a right more;
# - find the people in a table without names, and erase one of them everywhere;
# - load no model that is not verified, and release none that a rule forbids;
# - split a bill so that it adds up, and name the price of 1,000 predictions.
#
# It takes about 100 minutes, half reading and trying, half building. At **Predict**, say your guess aloud before
# you run the cell. A check stands under every question and task. Folded cells only draw or prepare.

# %% id="parameters" tags=["parameters"]
SEED = 60
ROWS = 900

# %% id="imports" folded=true shared=true
import math

import numpy as np
import pandas as pd

from autograder.lab import attempt, examine, expect, require, seed

# %% id="setup" folded=true
# %matplotlib inline
import matplotlib.pyplot as plt

from lib.workspace import enter

plt.rcParams.update(
    {"figure.figsize": (7.5, 2.9), "figure.dpi": 100, "axes.spines.top": False, "axes.spines.right": False}
)
plt.rcParams.update({"axes.titlelocation": "left", "axes.titlesize": 11, "font.size": 9.5})
BLUE, ORANGE, GREY, GREEN = "#2f6690", "#d1495b", "#9aa5b1", "#3a7d44"

workspace = enter("06_security")
print("ready")

# %% [markdown] id="who-wants-what" half="theory" minutes=6
# ## 1 · Who wants what
#
# **Minutes: 6**
#
# A **threat model** answers four questions on one page: what is there to lose, who wants it, how do they get in, what stops them. For a service that prices houses:
#
# | to lose | who wants it | way in |
# |---|---|---|
# | people's data | a thief, a curious colleague | a leaked key; a copied table, log or report |
# | the model | a competitor | its file, or enough of its answers |
# | right answers | whoever sells a house | odd inputs, poisoned rows, a swapped file |
# | money | nobody in particular | a forgotten machine; a loop that asks all night |
#
# An ML system has every hole that a program has, and three of its own.
#
# - **Data are code**: whoever writes training rows writes the model.
# - **A model's file may be a program**: some formats run what is in them.
# - **Answers leak**: each one says something about the model, and about the rows it has learnt from.
#
# OWASP's *machine learning top ten* lists what comes of that, from input manipulation to model poisoning.
#
# No lock stops everybody. So a good page also says what is *not* stopped.

# %% [markdown] id="theory-threats-question"
# **Question.** Which lock is the first to stop it?
#
# 1. A trainee's key stands in a notebook that anybody can read; she noticed within the hour
# 2. A forum has a "better" model file, and a colleague copies it over the one in production
# 3. One customer asks for 200,000 houses, all possible ones, spread evenly over every input
# 4. A flat of 10 m² with twelve rooms: each number is within its range
# 5. Forty sales in one ward, entered at a third of their price, in time for the next training
# 6. After a complaint somebody changes what was released on 3 May, and by whom
#
# **A** the disk is encrypted · **B** a key can be revoked at once · **C** rows are counted for each person · **D** the signature is checked before the file is read · **E** the distance from all rows that the model has learnt from · **F** new rows are
# held against old ones, group by group · **G** each line of the record is chained to the one before

# %% id="theory-threats" answer="match" keys="123456" options="ABCDEFG" points=3
theory_threats = None  # such as {"1": "A", "2": "A", "3": "A", "4": "A", "5": "A", "6": "A"}
### BEGIN SOLUTION
theory_threats = {"1": "B", "2": "D", "3": "C", "4": "E", "5": "F", "6": "G"}
### END SOLUTION

# %% [markdown] id="who-are-you" half="theory" minutes=8
# ## 2 · Who are you, and may you?
#
# **Minutes: 8**
#
# Two questions, two answers. **Authentication**: who are you? If that is not known: 401. **Authorisation**: may you do this? If not: 403.
#
# A **key**, a long random text, answers the first. The server keeps only its *hash*, which cannot be turned back into the key: whoever copies the table can open nothing. A password is short, so its hash must be slow; 256 random bits cannot be guessed, so one SHA-256 will do. Hashes are compared in constant time,
# since `==` stops at the first wrong byte, and its time tells how far somebody got.
#
# A key ends on a date, and can be revoked *at once*. To **rotate** is both: the new one in, the old one out. And no key stands in code, a notebook, an image or a log: who finds it there is not always you.

# %% [markdown] id="roles-and-slips"
# **Roles** answer the second. People have roles, roles have rights, and what no line grants is refused: **deny by default**. Whoever trains does not approve, and whoever approves does not release: **four eyes**.
#
# A **token** is a slip made with a key, and signed so that nobody can write more on it. It may *less* than its owner (only what it names, its **scopes**), for *less long*.
#
# Below, the real thing. Rita is a reviewer; her slip says `figures:read`.
#
# **Predict.** Rita moves to another team. What may her slip do then? It still says `figures:read`, and is good for an hour.

# %% id="a-key-and-a-slip"
from lib.governance.authority import Authority
from lib.governance.people import People

people = People(workspace / "access.db")
people.put("rita", ["reviewer"])
key = people.issue("rita", days=30)
authority = Authority(people, signing_key=b"only for this notebook: 32 bytes")
slip = authority.token(authority.identify(key.text), ["figures:read"])
for when, role in (("as a reviewer", "reviewer"), ("in another team", "learner")):
    people.put("rita", [role])
    for name, credential in (("key", key.text), ("slip", slip)):
        caller = authority.identify(credential)
        print(f"{when:16} {name}:", {right: caller.may(right) for right in ("models:approve", "figures:read")})

# %% [markdown] id="after-slip"
# Nothing. **A scope limits what you have; it gives you nothing.** The role must allow it *and* the slip must name it, asked anew at each request. And a slip dies with its key.

# %% [markdown] id="theory-key-question"
# **Question.** A service knows its callers by keys of 32 random bytes, each with an end date. What does it keep of a key, and how does it look at one that comes in?
#
# - **A** The key, in a table that only the service may read; `==`
# - **B** The key, encrypted with a key of the service, to tell it to whoever has lost theirs
# - **C** Its SHA-256, read once at the start, so that each request is quick; `hmac.compare_digest`
# - **D** A bcrypt hash, which takes 200 ms, read at each request
# - **E** Its SHA-256, read at each request; `hmac.compare_digest`
# - **F** Nothing: the caller gets a signed token, good for a year

# %% id="theory-key" answer="choice" options="ABCDEF" points=2
theory_key = None  # one letter, such as "A"
### BEGIN SOLUTION
theory_key = "E"
### END SOLUTION

# %% [markdown] id="theory-door-question"
# **Question.** Be the door. `roles` says which roles each person has, `grants` which rights each role has; who or what is in neither has none. A `credential` is a dict: it names a `person`, says when its key `ends` (it is good *before* that) and whether it was
# `revoked`. For a token, `token_ends` and `scopes` say what else bounds it; for a key both are `None`. Return 401, 403 or 200.


# %% id="theory-door" task=true
def theory_door(roles, grants, credential, right, now):
    """401: this opens nothing; 403: not for you; 200: come in."""
    ### BEGIN SOLUTION
    ends = [credential["ends"], credential["token_ends"]]
    if credential["revoked"] or any(end is not None and now >= end for end in ends):
        return 401
    scopes = credential["scopes"]
    granted = any(right in grants.get(role, []) for role in roles.get(credential["person"], []))
    return 200 if granted and (scopes is None or right in scopes) else 403
    ### END SOLUTION


# %% id="theory-door-check" check="theory-door" points=3
roles, grants = {"rita": ["reviewer"]}, {"reviewer": ["approve", "read"], "operator": ["release"]}
slip = {"person": "rita", "ends": 90, "revoked": False, "token_ends": 11, "scopes": ["approve", "release"]}
asked = [(10, "approve"), (10, "release"), (10, "read"), (11, "approve")]
expect(
    [theory_door(roles, grants, dict(slip), right, now) for now, right in asked],
    [200, 403, 403, 401],
    given=f"{roles}, {grants}, credential {slip}; asked as (now, right): {asked}",
    slip="a role must grant it and the slip must name it; at its end it has ended",
)
### BEGIN HIDDEN TESTS
draws = np.random.default_rng(seed())
rights = ["ask", "read", "train", "approve", "release"]
for number in range(60):
    grants = {role: [right for right in rights if draws.random() < 0.4] for role in ("learner", "reviewer", "operator")}
    of_ada = [role for role in ("learner", "reviewer", "operator", "root") if draws.random() < 0.4]
    right, now = str(draws.choice(rights)), int(draws.integers(20, 60))
    token = bool(draws.random() < 0.6)
    scopes = [each for each in rights if draws.random() < 0.5] if token else None
    key_ends = now if number % 9 == 0 else now + int(draws.integers(-6, 30))
    token_ends = (now if number % 7 == 0 else now + int(draws.integers(-4, 20))) if token else None
    revoked, known = bool(draws.random() < 0.1), bool(draws.random() < 0.9)
    alive = not revoked and now < key_ends and (not token or now < token_ends)
    allowed = known and sum(right in grants.get(role, ()) for role in of_ada) > 0 and (not token or right in scopes)
    wanted = (200 if allowed else 403) if alive else 401
    card = {"person": "ada", "ends": key_ends, "revoked": revoked, "token_ends": token_ends, "scopes": scopes}
    expect(
        theory_door({"ada" if known else "eve": of_ada}, grants, card, right, now),
        wanted,
        given=f"roles {of_ada} of {'ada' if known else 'eve'}, grants {grants}, {card}, {right!r} at {now}",
        slip="first whether it opens anything at all, then role and scope together",
        secret=True,
    )
### END HIDDEN TESTS

# %% [markdown] id="row-is-a-person" half="theory" minutes=8
# ## 3 · A row is a person
#
# **Minutes: 8**
#
# **Personal data** is whatever relates to somebody who is identified *or can be*. A phone number leads to a person. So do a ward, a year of birth and a sex, when together they fit only one. Such columns are called **quasi-identifiers**.
#
# **Predict.** A town has 5,000 people in twenty wards. How many are the only one of their ward, year of birth and sex? How many when the month of birth is added?

# %% id="picture-alone" folded=true
chance = np.random.default_rng(SEED)
townspeople = pd.DataFrame(
    {
        "ward": chance.choice(20, 5_000, p=chance.dirichlet(np.full(20, 6))),
        "year": 2026 - chance.integers(18, 85, 5_000),
        "sex": chance.integers(0, 2, 5_000),
        "month": chance.integers(1, 13, 5_000),
        "day": chance.integers(1, 31, 5_000),
    }
)
known = ["ward", "year", "sex", "month", "day"]
alone = [(townspeople.groupby(known[: count + 1])["ward"].transform("size") == 1).mean() for count in range(len(known))]
figure, axes = plt.subplots(figsize=(7.5, 2.2))
axes.barh(range(5), alone, color=[GREY, GREY, BLUE, ORANGE, ORANGE], height=0.65)
axes.set_yticks(range(5), ["ward", "+ year of birth", "+ sex", "+ month", "+ day"])
for place, share in enumerate(alone):
    axes.text(share + 0.01, place, f"{share:.0%}", va="center", fontsize=9)
axes.set(xlim=(0, 1.1), xticks=[], ylim=(4.6, -0.6))
axes.spines[["bottom", "left"]].set_visible(False)
axes.tick_params(length=0)
axes.set_title("The only one in town with these values")
plt.show()

# %% [markdown] id="after-alone"
# About one in six or seven; then five of six. There is no name in this table, and hardly anybody is hidden in it.
#
# | the table has | who can link it to people |
# |---|---|
# | names removed | whoever knows the other columns, from a register or as a neighbour |
# | phone numbers hashed | whoever can try all phone numbers: you can, in section 10 |
# | **pseudonyms** made with a secret key | whoever has the key; still personal data |
# | **anonymous** rows | nobody, whatever other tables they have |
#
# A table is **k-anonymous** when each combination of its quasi-identifiers is shared by at least *k* rows. One gets there by coarser values, decades for years, or by leaving rows out. It is a floor, not a proof: if all five of your group are behind with
# their mortgage, five-anonymity has told on you.
#
# What has a form can be searched for. The note below holds three things that lead to Anna.
#
# **Predict.** Which of them does `find` find?

# %% id="finds-what-has-a-form"
from lib.governance.privacy_find import find

note = "Anna Albers called again: +49 30 23125 078, or anna.albers@example.com."
print([(found.kind, note[found.start : found.end]) for found in find(note)])

# %% [markdown] id="after-find"
# Not the name: it has no form. So a search on the way into features and logs catches much, and not all. The surest column is the one that was never collected.

# %% [markdown] id="theory-personal-question"
# **Question.** Which of these are still personal data? All of them, and no others.
#
# - **A** The request log, without names, with the address of each house
# - **B** Phone numbers as SHA-256
# - **C** Phone numbers as HMAC (a hash with a secret key), with the key in a vault
# - **D** The mean price of each district, of 200 sales or more
# - **E** The access log's IP addresses
# - **F** The eight coefficients of a linear model of 20,000 sales

# %% id="theory-personal" answer="several" options="ABCDEF" points=3
theory_personal = None  # a set of letters, such as {"A", "F"}
### BEGIN SOLUTION
theory_personal = {"A", "B", "C", "E"}
### END SOLUTION

# %% [markdown] id="theory-k-question"
# **Question.** `rows` is a list of dictionaries, `columns` the quasi-identifiers. Return two numbers: the *k* of the table as it is, and how many rows have to be left out so that it is `least`-anonymous.


# %% id="theory-k" task=true
def theory_k(rows, columns, least):
    """The k of the table, and how many rows must go until each group has `least`."""
    ### BEGIN SOLUTION
    groups = {}
    for row in rows:
        who = tuple(row[name] for name in columns)
        groups[who] = groups.get(who, 0) + 1
    return min(groups.values()), sum(size for size in groups.values() if size < least)
    ### END SOLUTION


# %% id="theory-k-check" check="theory-k" points=3
table = [("1", "30s", "car"), ("1", "30s", "bus"), ("1", "40s", "car"), ("2", "30s", "car"), ("2", "30s", "car")]
table += [("2", "30s", "bus"), ("1", "40s", "bus"), ("2", "40s", "bus")]
rows = [dict(zip(("ward", "age", "goes_by"), row, strict=True)) for row in table]
expect(
    [theory_k([dict(row) for row in rows], ["ward", "age"], least) for least in (2, 3)],
    [[1, 1], [1, 5]],
    given=f"{table}, by ward and age; least 2, then 3",
    slip="the groups have 2, 2, 3 and 1 rows; a group that is too small goes as a whole",
)
### BEGIN HIDDEN TESTS
draws = np.random.default_rng(seed())
for count in (2, 3, 1):
    table = draws.integers(0, 3, (int(draws.integers(30, 70)), 4)).tolist()
    rows = [dict(zip(("ward", "age", "sex", "price"), row, strict=True)) for row in table]
    columns = [str(name) for name in draws.permutation(["ward", "age", "sex"])[:count]]
    sizes = pd.DataFrame(rows).groupby(columns).size()
    least = int(draws.choice(sizes)) + 1
    expect(
        list(theory_k(rows, columns, least)),
        [int(sizes.min()), int(sizes[sizes < least].sum())],
        given=f"{len(rows)} rows by {', '.join(columns)}, least {least}",
        slip="count the rows of each combination that occurs, of the named columns only",
        secret=True,
    )
### END HIDDEN TESTS

# %% [markdown] id="gone" half="theory" minutes=5
# ## 4 · Gone means gone
#
# **Minutes: 5**
#
# The first letter. In the EU, in Vietnam and in many other places a person may demand it. Below, a platform of two months: Anna asks for a price, tables are exported, snapshots taken, and once an upload fails. Then her row is deleted from the customers.
#
# **Predict.** In how many other files does her number still stand?

# %% id="two-months" folded=true
platform = workspace / "platform"
customers = pd.DataFrame({"customer": [41, 42], "phone": ["+49 30 23125 041", "+49 30 23125 078"], "area_m2": [70, 95]})
for name in ("customers", "snapshots/october", "snapshots/november", "features/offline", "reports/dear_houses"):
    path = platform / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    customers.to_csv(path, index=False)
(platform / "features" / "online.json").write_text(customers.set_index("customer").to_json(orient="index"))
(platform / "predictions.jsonl").write_text(customers.assign(price=[150_000, 210_000]).to_json(orient="records"))
(platform / "errors.log").write_text(f"upload failed, row was {customers.iloc[1].to_dict()}\n")

# %% id="deleted"
customers[customers["customer"] != 42].to_csv(platform / "customers.csv", index=False)
for path in sorted(platform.rglob("*.*")):
    if "+49 30 23125 078" in path.read_text():
        print("still in", path.relative_to(platform))

# %% [markdown] id="after-deleted"
# Seven, and this is a small platform. Backups come on top, and models: nearest neighbours keep whole rows, a deep tree keeps a lone house as a leaf.
#
# So plan it:
#
# - **one list** of all places where rows live;
# - **pseudonyms** in logs, so that a person's lines can be found without knowing the name, and logs that **expire**;
# - snapshots rewritten without the person, the old content destroyed and the loss *written down*; models trained anew;
# - a **search** at the end, which is the proof.
#
# What stays is a line that somebody was erased, without saying whom.

# %% [markdown] id="theory-erase-question"
# **Question.** Anna asked to be forgotten. In which of these is she truly gone? All of them, and no others.
#
# - **A** A new snapshot has no row of hers; the old one stays, so that runs can be repeated
# - **B** Her lines in the log held a pseudonym under a key of her own and a model's version, nothing else; that key is destroyed
# - **C** `deleted = true` in her row, and all queries skip it
# - **D** She is gone from the online features; the job that fills them from the offline table runs at night
# - **E** Backups are overwritten within 30 days, and whoever restores one applies the list of erasures first
# - **F** The trail says: "7 November, anna.albers@example.com erased"
# - **G** In the log, her name was replaced by its HMAC; the key is in use

# %% id="theory-erase" answer="several" options="ABCDEFG" points=3
theory_erase = None  # a set of letters, such as {"A", "G"}
### BEGIN SOLUTION
theory_erase = {"B", "E"}
### END SOLUTION

# %% [markdown] id="whose-file" half="theory" minutes=6
# ## 5 · Whose file is this?
#
# **Minutes: 6**
#
# The auditor asks who has changed a model's file. Why does it matter?
#
# **Predict.** The last line loads a model and asks it nothing. What happens?

# %% id="a-pickle-runs"
import pickle


class Model:
    def __reduce__(self):
        return print, ("I ran, with all that your server may do.",)


_ = pickle.loads(pickle.dumps(Model()))

# %% [markdown] id="after-pickle"
# It runs code. A **pickle** is a program that builds an object; `joblib` files and many others are pickles. Formats such as `skops` or ONNX hold data and names of types; which types may be built must stand in *your* code, never in the file.
#
# - A **digest** (a hash of the file) says: the same bytes as then.
# - A **signature** says: the holder of *this key* signed these bytes. It does not say that the model is good, which human it was, or that this is the version that was approved: last year's is validly signed, too.
#
# So the order is everything. The **list of signers** is held in code. Digest and signature are checked **before a byte is parsed**, since to parse may be to run. Then *those same bytes* are loaded, not the file again, which somebody may have
# swapped in between. And the registry is no proof: whoever can write there can write a digest, too.
#
# Around the model stand 200 packages. An **SBOM** (software bill of materials) lists each with version and licence. On the day a hole becomes known, "are we affected?" takes a minute.

# %% [markdown] id="theory-signature-question"
# **Question.** The champion's folder has a valid signature by the key of the training job. What is proved? All of it, and nothing else.
#
# - **A** Its bytes are those that were signed
# - **B** It was trained on the data that its card names
# - **C** Whoever signed it had the job's key
# - **D** To load it runs no foreign code
# - **E** It is the version that Rita approved
# - **F** Nothing newer has been signed

# %% id="theory-signature" answer="several" options="ABCDEF" points=3
theory_signature = None  # a set of letters, such as {"A", "F"}
### BEGIN SOLUTION
theory_signature = {"A", "C"}
### END SOLUTION

# %% [markdown] id="rules-and-record" half="theory" minutes=6
# ## 6 · Rules, and a record of what was done
#
# **Minutes: 6**
#
# **Policy as code.** A rule has an id, a check, a severity and a *why*: the model is signed, its data version known, its card complete, no personal data among its features, two people involved. The same check runs in the promotion, in CI and as a
# command. Nobody has to think of it, and nobody can forget it.
#
# **Exceptions** happen. One names the rule and the version, a reason, who granted it (*not the person who wants it*), and the day on which it ends. Without an end it is a new rule that nobody discussed.
#
# The **model card** is for those whom the model judges. It says what the model is for and not for, the data, how wrong it is *for whom*, whom to ask. It is filled from run and registry, or refused.

# %% [markdown] id="a-trail"
# The second letter asks for a **trail**: who did what, when. Each line carries a keyed digest of itself and of the line before, so that the lines form a chain; the number of the newest is sealed in a second file. The trail's `head`, a short text, can be kept where nobody can reach it: on paper, with the auditor.
#
# **Predict.** Below, four lines are forged in three ways. Which forgeries are found?

# %% id="three-forgeries"
from lib.governance.trail import Trail

trail = Trail(workspace / "trail.jsonl", key=b"only for this notebook: 32 bytes")
for what, by in (("register 14", "ada"), ("approve 14", "rita"), ("release 14", "omar"), ("erase a person", "omar")):
    trail.add(what, by=by)
lines = trail.path.read_text().splitlines(keepends=True)
forged = {
    "one name changed": [line.replace("rita", "ada") for line in lines],
    "a line taken out": [lines[0], *lines[2:]],
    "the end cut off": lines[:2],
}
for name, text in forged.items():
    trail.path.write_text("".join(text))
    print(f"{name}: {trail.verify().problems[0]}")

# %% [markdown] id="after-forgeries"
# All three, the last one by the sealed number. What no chain finds is what was never written.

# %% [markdown] id="theory-trail-question"
# **Question.** What is the first to find it?
#
# 1. One word of line 7 is changed
# 2. The last three lines are gone
# 3. Both files are put back as they stood yesterday
# 4. Lines 5 and 6 have changed places
# 5. Somebody who has the key writes all lines anew, and seals the number
# 6. Omar moved a model by hand, past the program that writes the trail
#
# **A** the chain of the lines · **B** the sealed number · **C** only yesterday evening's `head`, kept elsewhere · **D** nothing in the trail

# %% id="theory-trail" answer="match" keys="123456" options="ABCD" points=3
theory_trail = None  # such as {"1": "A", "2": "A", "3": "A", "4": "A", "5": "A", "6": "A"}
### BEGIN SOLUTION
theory_trail = {"1": "A", "2": "B", "3": "C", "4": "A", "5": "C", "6": "D"}
### END SOLUTION

# %% [markdown] id="only-ask" half="theory" minutes=5
# ## 7 · Thieves who only ask
#
# **Minutes: 5**
#
# Each answer of a service is a labelled row. Whoever has enough of them trains a model on *your* model, without breaking in anywhere.
#
# **Predict.** Ours has learnt from 3,000 sales. How many answers until a copy is within 5 % of it, on half of all houses: 1,000, 10,000 or 100,000?

# %% id="picture-copy" folded=true
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor

from lib.market import PRICE, simulate

INPUTS = ["area_m2", "rooms", "age_years", "distance_km", "condition"]
sales = simulate("stable", rows=7_000, seed=SEED, days=700).houses.dropna().sample(6_000, random_state=SEED)
trees = HistGradientBoostingRegressor(max_iter=40, max_leaf_nodes=15, random_state=0)
ours = clone(trees).fit(sales[INPUTS][:3_000], np.log(sales[PRICE][:3_000]))
asked, unseen = sales[INPUTS][3_000:5_500], sales[INPUTS][5_500:]
sizes, gaps = (50, 100, 250, 500, 1_000, 2_500), []
for size in sizes:
    copy = clone(trees).fit(asked[:size], ours.predict(asked[:size]))
    gaps.append(np.median(np.abs(np.exp(copy.predict(unseen) - ours.predict(unseen)) - 1)))
figure, axes = plt.subplots(figsize=(7.5, 2.4))
axes.plot(sizes, gaps, "o-", color=ORANGE)
axes.axhline(0.05, color=GREY, lw=0.9, ls="--")
axes.set(xscale="log", ylim=(0, None), xlabel="answers that the thief has")
axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
axes.yaxis.set_major_formatter(plt.FuncFormatter(lambda y, _: f"{y:.0%}"))
axes.set_title("How far the copy is from ours, on the middle house")
plt.show()

# %% [markdown] id="after-copy"
# About a thousand, and an honest agency asks for as many in a month. So answers are counted *for each person*, and **rows, not requests**, since a thousand rows fit into one request. That makes theft slow and visible, not impossible: ten accounts have ten budgets.
#
# Others write rows. **Poisoning**: 2 % of the new rows, all in one ward of twenty, get a third of their price. The mean of all falls by about 1 %, that ward's by a quarter. Who looks at totals sees nothing. Compare new rows with old ones *by group*, know who wrote them, and judge the
# model on rows that nobody outside could write.

# %% [markdown] id="theory-copy-question"
# **Question.** A thief needs `answers`. An account may send `requests_a_minute`, each with `rows_a_request` rows, and is answered `rows_an_hour` rows at most (`None`: rows are not counted). Rates are steady. Return two numbers: the hours it takes with one account, and how many accounts
# finish within 24 hours.


# %% id="theory-copy" task=true
def theory_copy(answers, requests_a_minute, rows_a_request, rows_an_hour):
    """Hours with one account, and accounts for a day."""
    ### BEGIN SOLUTION
    an_hour = requests_a_minute * 60 * rows_a_request
    if rows_an_hour is not None:
        an_hour = min(an_hour, rows_an_hour)
    return answers / an_hour, math.ceil(answers / (24 * an_hour))
    ### END SOLUTION


# %% id="theory-copy-check" check="theory-copy" points=3
expect(
    [theory_copy(60_000, 60, 1_000, limit) for limit in (None, 500)],
    [[1 / 60, 1], [120.0, 5]],
    given="60,000 answers, 60 requests a minute of 1,000 rows; rows not counted, then 500 an hour",
    rel=1e-9,
    slip="without a limit of rows one minute is enough; with it the requests hardly matter",
)
### BEGIN HIDDEN TESTS
draws = np.random.default_rng(seed())
for kind in ("rows", "requests", "rows", "uncounted"):
    requests, each = int(draws.integers(1, 90)), int(draws.integers(2, 400))
    most = requests * each * 60
    limit = {"rows": int(draws.integers(1, most)), "requests": most + int(draws.integers(1, 900)), "uncounted": None}
    rate = most if limit[kind] is None else min(most, limit[kind])
    answers = int(draws.integers(2, 400)) * rate + int(draws.integers(1, rate + 1))
    expect(
        list(theory_copy(answers, requests, each, limit[kind])),
        [answers / rate, -(-answers // (24 * rate))],
        given=f"{answers:,} answers, {requests} requests a minute of {each} rows, rows an hour: {limit[kind]}",
        rel=1e-6,
        slip="the tighter of the two limits counts; accounts are whole",
        secret=True,
    )
### END HIDDEN TESTS

# %% [markdown] id="who-pays" half="theory" minutes=6
# ## 8 · Who pays
#
# **Minutes: 6**
#
# The third letter. A bill is for what was *there*: cores × hours × price, and the same for memory. What was *used* is measured, in CPU-seconds and GiB-seconds. The difference is **idle**, and it belongs to no model version. What serves all versions, such as monitoring,
# is **shared**. OpenCost, the field's standard, calls the parts *allocations*, and used over paid *efficiency*. All parts together are the bill, to the cent.
#
# **Predict.** Training was 90 of 2,300 USD. Of the rest, what was the largest part?

# %% id="picture-bill" folded=true
from lib.governance.cost_prices import read_prices

prices = read_prices()
core, gib, month = prices.core_hour, prices.memory_gib_hour, 730
bill = {
    "training, 5 hours a night": 1_800 * core + 7_200 * gib,
    "serving, 30 million answers": 30e6 * 0.008 / 3_600 * core + 8 * 4 * month * gib,
    "nightly batch": 240 * core + 960 * gib,
    "monitoring (shared)": 1.5 * month * core + 6 * month * gib,
    "disk (shared)": 800 * month * prices.storage_gib_hour,
}
paid = 64 * month * core + 256 * month * gib + bill["disk (shared)"]
bill["idle"] = paid - sum(bill.values())
figure, axes = plt.subplots(figsize=(7.5, 2.4))
axes.barh(list(bill), list(bill.values()), color=[BLUE] * 5 + [ORANGE], height=0.65)
for place, money in enumerate(bill.values()):
    axes.text(money + 15, place, f"{money:,.0f}", va="center", fontsize=9)
axes.set(xlim=(0, 2_250), xticks=[])
axes.invert_yaxis()
axes.spines["bottom"].set_visible(False)
axes.tick_params(length=0)
axes.set_title(f"A month of 8 servers with 8 cores and 32 GiB each: {paid:,.0f} USD")
plt.show()

# %% [markdown] id="after-bill"
# Nothing: machines that waited, 2,000 of the 2,300 USD. Make training twice as fast, and 2 % of the bill is gone.
#
# So there are two honest prices of **1,000 predictions**: all that is paid, over all predictions; or what one *more* thousand uses. The first goes onto the invoice, the second decides whether to take another customer. A server that is always there costs the same for one request as
# for a million; a nightly batch costs by the row. Somewhere between lies the **break-even** (section 11).
#
# A **projection** has an interval. Below, ten days, the thirty to come, and a budget of 95 USD:

# %% id="projected"
from lib.governance.cost_project import budget_state, project

days = [2.9, 3.1, 3.0, 2.8, 3.4, 3.1, 2.7, 3.3, 3.0, 3.1]
ahead = project(days, periods=30)
print(f"{ahead.expected:.0f} USD, {ahead.low:.0f} to {ahead.high:.0f} with 95 %: {budget_state(ahead, 95)}")

# %% [markdown] id="after-projected"
# Within the budget by expectation, and *at risk*: the interval reaches above it. It supposes that days are alike; next week's new version is not in it. Put the alert on the forecast and not on the bill, which comes when the money is gone.

# %% [markdown] id="theory-cost-question"
# **Question.** `cores` cores were there for `hours` hours at `price` USD a core-hour, and nothing else costs. `used` is a dict of the core-**seconds** of each phase, `"serve"` among them, in which all `predictions` were made. Return three amounts in USD: the idle cost; 1,000 predictions, when they pay for
# everything; and 1,000 predictions by what serving used.


# %% id="theory-cost" task=true
def theory_cost(cores, hours, price, used, predictions):
    """Idle cost; 1,000 predictions with everything; 1,000 by what serving used. In USD."""
    ### BEGIN SOLUTION
    paid = cores * hours * price
    idle = paid - sum(used.values()) / 3_600 * price
    return idle, 1_000 * paid / predictions, 1_000 * used["serve"] / 3_600 * price / predictions
    ### END SOLUTION


# %% id="theory-cost-check" check="theory-cost" points=4
expect(
    theory_cost(cores=4, hours=100, price=0.05, used={"train": 72_000, "serve": 36_000}, predictions=500_000),
    [18.5, 0.04, 0.001],
    given="4 cores, 100 hours, 0.05 USD; core-seconds: train 72,000, serve 36,000; 500,000 predictions",
    rel=1e-9,
    slip="20 USD are paid; 20 + 10 core-hours were used, 1.50 USD; serving was 0.50 of it",
)
### BEGIN HIDDEN TESTS
draws = np.random.default_rng(seed())
for phases in (["serve"], ["train", "serve", "batch"], ["monitor", "serve"]):
    cores, hours, price = int(draws.integers(2, 65)), int(draws.integers(20, 731)), float(draws.uniform(0.02, 0.09))
    shares = draws.dirichlet(np.ones(len(phases) + 1))[:-1]
    used = {name: float(round(share * cores * hours * 3_600)) for name, share in zip(phases, shares, strict=True)}
    predictions = int(draws.integers(20_000, 9_000_000))
    busy = sum(used.values()) / 3_600
    expect(
        list(theory_cost(cores, hours, price, dict(used), predictions)),
        [
            (cores * hours - busy) * price,
            cores * hours * price * 1_000 / predictions,
            used["serve"] * price / 3.6 / predictions,
        ],
        given=f"{cores} cores, {hours} hours, {price:.4f} USD, used {used}, {predictions:,} predictions",
        rel=1e-9,
        slip="a core-hour has 3,600 core-seconds; idle is what was paid for and not used by any phase",
        secret=True,
    )
### END HIDDEN TESTS

# %% [markdown] id="rights-task" half="practice" minutes=8
# ## 9 · Practice: what does this role need?
#
# **Minutes: 8 · medium**
#
# *The slip: "what somebody has, or once asked for, is what they need."*
#
# The platform is two years old. Whenever somebody could not do something, a right was added; nobody ever took one away. You have the access log of a quarter.
#
# Write `least_privilege(grants, members, log, duties)`, which says what each role should **keep**. `grants` maps each role to its rights, `members` each person to their roles. `log` is a table: `day`, `person`, `role`
# (the one under which the person came; some have two), `right`, `answer`. A role needs a right
#
# - when it was **allowed** to this role on at least `HABIT` (2) different days. A refusal is no use, and three calls on one afternoon are somebody trying things out. What Binh does as a scientist is no need of reviewers, though Binh is one, too;
# - or when `duties`, a list of `[role, right]`, names it. A fall back at an incident stands in no log of a quiet quarter; who needs the rare has to write it down.
#
# A role never *gains* a right here, whatever log or duties say. And of each pair in `FOUR_EYES` nobody may hold both, by whichever roles. Which of the two has to go is for people to decide, so only report it.
#
# Return `{"keep": …, "conflicts": …}`: a dict from role to the set of rights that it keeps, and a list of `[person, right, right]` (in the order of the pair) for whoever would still hold both. For example, `["Binh", "models:register", "models:approve"]`.
#
# <details><summary>Hint 1: the road</summary>
#
# Of the allowed lines, `groupby(["role", "right"])["day"].nunique()`. Then a set of `(role, right)` that are needed, and of each role's grants those that are in it. For the conflicts, unite what the roles of a person keep.
# </details>
# <details><summary>Hint 2: almost the answer</summary>
#
# `needed = {*days[days >= HABIT].index, *map(tuple, duties)}` · `keep = {role: {right for right in rights if (role, right) in needed} for role, rights in grants.items()}` · `held = set().union(*(keep[role] for role in roles))` for each person, and `held.issuperset(pair)`.
# </details>

# %% id="rights-tools" folded=true shared=true
HABIT = 2
RIGHTS = tuple(
    "predictions:ask data:read figures:read models:register models:stage "
    "models:approve models:release alerts:act trail:read people:change".split()
)
FOUR_EYES = (
    ("models:register", "models:approve"),
    ("models:approve", "models:release"),
    ("models:release", "trail:read"),
)
WORK = {
    "scientist": ["predictions:ask", "data:read", "models:register", "models:stage"],
    "reviewer": ["figures:read", "models:approve"],
    "operator": ["figures:read", "models:release", "alerts:act"],
    "auditor": ["trail:read", "figures:read"],
}
MEMBERS = {
    "An": ["scientist"],
    "Binh": ["scientist", "reviewer"],
    "Chi": ["reviewer"],
    "Dung": ["operator"],
    "Emma": ["operator", "scientist"],
    "Farid": ["auditor"],
    "Giang": ["auditor", "operator"],
}
# Days allowed, days refused, lines a day: withdrawn since, only refused, one afternoon, allowed once, never used.
NO_WORK = [(9, 0, 1), (0, 9, 1), (1, 0, 3), (1, 6, 2), (0, 0, 1), (0, 4, 1)]


def a_quarter(chance, work, members, duties):
    """Grants and access log of 90 days in which each role does its `work` on two days or more, and some people try other things."""
    grants, lines = {}, []
    for role, daily in work.items():
        rare = [right for whose, right in duties if whose == role]
        others = [right for right in chance.permutation(RIGHTS).tolist() if right not in {*daily, *rare}]
        grants[role] = sorted({*daily, *rare, *others[2:]})
        staff = [person for person, roles in members.items() if role in roles]
        habits = [(right, int(chance.integers(2, 40)), 0, 1) for right in daily]
        habits += [(right, int(chance.integers(0, 2)), 2, 1) for right in rare]
        habits += [(right, *NO_WORK[place % 6]) for place, right in enumerate(others)]
        for right, allowed, refused, times in habits:
            days = chance.choice(90, allowed + refused, replace=False).tolist()
            for place, day in enumerate(days):
                answer = "allowed" if place < allowed else "refused"
                lines += [(day, str(chance.choice(staff)), role, right, answer) for _ in range(times)]
    log = pd.DataFrame(lines, columns=["day", "person", "role", "right", "answer"])
    return grants, log.sort_values("day", kind="stable").reset_index(drop=True)


# %% id="code-least-privilege" task=true
def least_privilege(grants, members, log, duties):
    """By role what it should keep, and who would still hold two rights that nobody may hold together."""
    ### BEGIN SOLUTION
    days = log.query("answer == 'allowed'").groupby(["role", "right"])["day"].nunique()
    needed = {*days[days >= HABIT].index, *map(tuple, duties)}
    keep = {role: {right for right in rights if (role, right) in needed} for role, rights in grants.items()}
    conflicts = []
    for person, roles in members.items():
        held = set().union(*(keep[role] for role in roles))
        conflicts += [[person, *pair] for pair in FOUR_EYES if held.issuperset(pair)]
    return {"keep": keep, "conflicts": conflicts}
    ### END SOLUTION


# %% [markdown] id="try-rights"
# Four roles hold 32 rights. Two duties are written down: an operator may have to stage an old version at night, an auditor to read the data when a court asks. Expect about half of the rights to remain, and two people with a conflict. In the picture, blue is kept and grey taken away.

# %% id="tried-rights"
duties = [["operator", "models:stage"], ["auditor", "data:read"]]
grants, log = a_quarter(np.random.default_rng(SEED), WORK, MEMBERS, duties)
tidy = least_privilege(grants, MEMBERS, log, duties) or {"keep": {}, "conflicts": []}
print(sum(map(len, grants.values())), "rights before,", sum(map(len, tidy["keep"].values())), "after")
print("for people to decide:", tidy["conflicts"])

# %% id="picture-rights" folded=true
figure, axes = plt.subplots(figsize=(7.5, 2.3))
for row, role in enumerate(grants):
    for column, right in enumerate(RIGHTS):
        kept = right in tidy["keep"].get(role, ())
        color = BLUE if kept else GREY if right in grants[role] else "white"
        axes.add_patch(plt.Rectangle((column + 0.05, row + 0.08), 0.9, 0.84, color=color, alpha=1 if kept else 0.35))
axes.set(xlim=(0, len(RIGHTS)), ylim=(len(grants), 0))
axes.set_yticks(np.arange(len(grants)) + 0.5, list(grants))
axes.set_xticks(np.arange(len(RIGHTS)) + 0.5, RIGHTS, rotation=35, ha="right", fontsize=8)
axes.tick_params(length=0)
for side in axes.spines.values():
    side.set_visible(False)
axes.set_title("What each role has (pale) and keeps (dark)")
plt.show()

# %% [markdown] id="after-rights"
# On no day of this quarter would anybody have missed what was taken away, and a reviewer's stolen key now opens three doors instead of eight. Two things your function cannot know: whether the next quarter will be like this one, and whether the
# use that it saw was *right*. So such a list goes to the people of the role first, and comes again each quarter.

# %% id="code-least-privilege-check" check="code-least-privilege" points=3
chance = np.random.default_rng(seed())
mine, rare, curious, theirs = chance.permutation(RIGHTS).tolist()[:4]
lines = [[3, "An", "scientist", mine, "allowed"], [4, "An", "scientist", mine, "allowed"]]
lines += [[day, "An", "scientist", curious, "refused"] for day in (5, 6, 7)]
lines += [[8, "An", "scientist", curious, "allowed"]] * 3
lines += [[day, "An", "reviewer", theirs, "allowed"] for day in (9, 10)]
small = pd.DataFrame(lines, columns=["day", "person", "role", "right", "answer"])
held = [mine, rare, curious, theirs]
found = least_privilege(
    {"scientist": held, "reviewer": held}, {"An": ["scientist", "reviewer"]}, small, [["scientist", rare]]
)
require(
    isinstance(found, dict) and isinstance(found.get("keep"), dict),
    f"least_privilege should return a dictionary with keep and conflicts; got {found!r}",
)
expect(
    {role: sorted(rights) for role, rights in found["keep"].items()},
    {"scientist": sorted([mine, rare]), "reviewer": [theirs]},
    given=f"scientists used {mine} on two days, {rare} is their duty, {curious} was used on one day and refused on three; reviewers used {theirs}",
    slip="allowed, to this role, on two different days; or a duty of this role",
)
### BEGIN HIDDEN TESTS


def needs_of(role, rights, log, duties):
    lines = [line for line in log.to_dict("records") if line["role"] == role and line["answer"] == "allowed"]
    habits = {right: {line["day"] for line in lines if line["right"] == right} for right in rights}
    return sorted(right for right in rights if len(habits[right]) >= 2 or [role, right] in duties)


def another_quarter(chance):
    names = dict(zip(RIGHTS, chance.permutation(RIGHTS).tolist(), strict=True))
    roles = dict(zip(WORK, chance.permutation(list(WORK)).tolist(), strict=True))
    work = {roles[role]: [names[right] for right in rights] for role, rights in WORK.items()}
    members = {person: [roles[role] for role in held] for person, held in MEMBERS.items()}
    duties = [[roles["operator"], names["models:stage"]], [roles["auditor"], names["data:read"]]]
    grants, log = a_quarter(chance, work, members, duties)
    role = roles["reviewer"]
    duties.append([role, next(right for right in RIGHTS if right not in grants[role])])
    return grants, members, log, duties


for _ in range(4):
    grants, members, log, duties = another_quarter(chance)
    found = least_privilege(grants, members, log, duties)["keep"]
    expect(
        {role: sorted(found.get(role, ())) for role in grants},
        {role: needs_of(role, rights, log, duties) for role, rights in grants.items()},
        given=f"{len(log)} lines of a log, {len(duties)} duties, one of them about a right that its role does not have",
        slip="allowed, to this role, on two different days, or a duty; and no role gains a right",
        secret=True,
    )
found = least_privilege(grants, members, log[:0], [])["keep"]
expect({role: sorted(found.get(role, ())) for role in grants}, {role: [] for role in grants}, given="an empty log")
### END HIDDEN TESTS

# %% id="code-least-privilege-check-2" check="code-least-privilege" points=3
chance = np.random.default_rng(seed())
first, second = FOUR_EYES[int(chance.integers(len(FOUR_EYES)))]
lines = [[day, "Binh", "scientist", first, "allowed"] for day in (1, 2)]
lines += [[day, "Chi", "reviewer", second, "allowed"] for day in (1, 2)]
small = pd.DataFrame(lines, columns=["day", "person", "role", "right", "answer"])
members = {"An": ["scientist"], "Binh": ["scientist", "reviewer"], "Chi": ["reviewer"]}
found = least_privilege({"scientist": [first, second], "reviewer": [second]}, members, small, [])
require(isinstance(found, dict), f"least_privilege should return a dictionary; got {type(found).__name__}")
expect(
    [list(line) for line in found["conflicts"]],
    [["Binh", first, second]],
    given=f"scientists keep {first}, reviewers {second}; Binh is both",
    slip="a person holds what all their roles keep together; what a role loses is no conflict any more",
)
### BEGIN HIDDEN TESTS
for size in (1, 2, 3, 3):
    roles = chance.permutation(list(WORK)).tolist()
    rights = {role: sorted(chance.choice(RIGHTS[3:9], 3, replace=False).tolist()) for role in roles}
    members = {
        name: sorted(chance.choice(roles, size, replace=False).tolist()) for name in ("An", "Chi", "Emma", "Ida")
    }
    kept = {role: chance.permutation(rights[role]).tolist()[:2] for role in roles}
    lines = [[day, "Ida", role, right, "allowed"] for role in roles for right in kept[role] for day in (11, 12)]
    log = pd.DataFrame(lines, columns=["day", "person", "role", "right", "answer"])
    due = []
    for name, held in members.items():
        own = {right for role in held for right in kept[role]}
        due += [[name, one, other] for one, other in FOUR_EYES if one in own and other in own]
    found = least_privilege(rights, members, log, [])
    expect(
        sorted(list(line) for line in found["conflicts"]),
        sorted(due),
        given=f"people with {size} of the roles; each role keeps two of its three rights",
        slip="who would hold both rights of a pair, by whichever roles, of what is kept; report it and take nothing away",
        secret=True,
    )
    expect(
        {role: sorted(found["keep"].get(role, ())) for role in roles},
        {role: sorted(kept[role]) for role in roles},
        secret=True,
    )
### END HIDDEN TESTS

# %% [markdown] id="names-task" half="practice" minutes=8
# ## 10 · Practice: a table without names
#
# **Minutes: 8 · medium**
#
# *The slip: "the name is gone and the phone number is hashed, so it is anonymous."*
#
# For a study the platform has published its sales. The column with names is gone, and phone numbers are SHA-256 hashes. Left are the ward, the living area, the day, and *why* each person sold: `debts`, `divorce`, …
# Everybody may look into the land registry: who sold what, where, when. Find out whether the table is anonymous before somebody else does. Write two functions; each returns a list.
#
# **`named(published, register, by)`** says for each row of the table `published`, in order, who it is (a name), or `None`. It compares the columns in the list `by`. The table `register` has every sale and its `owner`. A row is certain when all lines of the register with its values have **one** owner, even if there are several such lines. Six flats in a new house, equal and handed over
# on the same day, have six owners; then you do not know, and a guess is not a finding. A row may also have no line.
#
# **`numbers(hashed, salt)`** says for each hash the phone number behind it, or `None`. A hash is `hashlib.sha256((salt + number).encode()).hexdigest()`, a number one of `PREFIXES` and three digits, `000` to `999`. (The German regulator keeps these for films: nobody has them.) The **salt** is a text put before each number. It stands in the table's description, since without it the authors
# could not link next year's table.
#
# <details><summary>Hint 1: the road</summary>
#
# A dictionary from the values of a line to the set of its owners; `table[by].itertuples(index=False, name=None)` gives tuples. And a dictionary from the hash of *every* possible number to the number: it is quicker to try all than to undo one.
# </details>
# <details><summary>Hint 2: almost the answer</summary>
#
# `for *values, owner in register[[*by, "owner"]].itertuples(index=False)` and `owners.setdefault(tuple(values), set()).add(owner)`, then `owners.get(values, ())` of length 1 · `f"{prefix}{digits:03d}"` for each prefix and each of `range(1000)`, and `known.get(digest)`.
# </details>

# %% id="names-tools" folded=true shared=true
import hashlib
import hmac

PREFIXES = ("+493023125", "+496990009", "+494066969", "+492214710", "+498999998")
WHY = ("work", "family", "debts", "divorce", "inheritance")
FIRST = ("An", "Binh", "Chidi", "Dilek", "Emil", "Fatima", "Giulia", "Hugo", "Ines", "Jana", "Kofi", "Linh")
LAST = ("Albers", "Brandt", "Costa", "Eze", "Fischer", "García", "Horvat", "Ito", "Jansen", "Krüger", "Nguyen", "Okoye")


def phone_hash(number, salt=""):
    """What stands in the published table."""
    return hashlib.sha256((salt + number).encode()).hexdigest()


def pseudonym(number, key):
    """The same, with a key that is kept apart: HMAC-SHA256."""
    return hmac.digest(key, number.encode(), "sha256").hex()


def land_register(chance, rows):
    """Made-up sales of half a year with their owners: some owners sold two equal flats, some houses six at once."""
    numbers = chance.permutation(5_000)[:rows]
    names = [f"{FIRST[n % 12]} {LAST[n // 12 % 12]} {n // 144 + 1}" for n in chance.permutation(5_000)[:rows].tolist()]
    table = pd.DataFrame(
        {
            "owner": names,
            "phone": [f"{PREFIXES[n // 1000]}{n % 1000:03d}" for n in numbers.tolist()],
            "ward": [f"ward {n:02d}" for n in chance.integers(1, 13, rows)],
            "area_m2": chance.integers(30, 160, rows),
            "day": [f"2026-{n // 28 + 1:02d}-{n % 28 + 1:02d}" for n in chance.integers(0, 168, rows)],
        }
    )
    for start in range(0, rows // 10, 6):
        table.loc[start : start + 5, ["ward", "area_m2", "day"]] = table.loc[start, ["ward", "area_m2", "day"]].tolist()
    twice = table.iloc[rows // 10 : rows // 8]
    return pd.concat([table, twice]).sample(frac=1, random_state=int(chance.integers(1e6))).reset_index(drop=True)


def without_names(chance, register, salt=""):
    """What is published of the register: two sales of three, in another order, without names, phones hashed."""
    part = register.sample(frac=0.66, random_state=int(chance.integers(1e6)))
    hashed = [phone_hash(number, salt) for number in part["phone"]]
    part = part.assign(phone=hashed, why=chance.choice(WHY, len(part)))
    return part[["ward", "area_m2", "day", "phone", "why"]]


# %% id="code-reidentify" task=true
def named(published, register, by):
    """For each row of `published` the one owner that it can belong to, else None."""
    ### BEGIN SOLUTION
    owners = {}
    for *values, owner in register[[*by, "owner"]].itertuples(index=False):
        owners.setdefault(tuple(values), set()).add(owner)
    candidates = [owners.get(values, ()) for values in published[by].itertuples(index=False, name=None)]
    return [next(iter(people)) if len(people) == 1 else None for people in candidates]
    ### END SOLUTION


def numbers(hashed, salt):
    """For each hash the phone number behind it, else None."""
    ### BEGIN SOLUTION
    every = [f"{prefix}{digits:03d}" for prefix in PREFIXES for digits in range(1000)]
    known = {hashlib.sha256((salt + number).encode()).hexdigest(): number for number in every}
    return [known.get(digest) for digest in hashed]
    ### END SOLUTION


# %% [markdown] id="try-names"
# There are 900 sales, two thirds of them published.
#
# **Predict.** What share of the rows will you name by ward alone, by ward and area, by all three? And if the table had said only the month, and areas in steps of 25 m²?

# %% id="tried-names"
chance = np.random.default_rng(SEED)
register = land_register(chance, ROWS)
published = without_names(chance, register, salt="study-2026/")
coarse = [side.assign(month=side["day"].str[:7], about_m2=side["area_m2"] // 25 * 25) for side in (published, register)]
found = {}
for by in (["ward"], ["ward", "area_m2"], ["ward", "area_m2", "day"], ["ward", "about_m2", "month"]):
    who = named(*coarse, by) or []
    found[", ".join(by)] = sum(person is not None for person in who) / len(published)
    print(f"{', '.join(by):24} {found[', '.join(by)]:6.1%} named")
cracked = numbers(published["phone"].tolist(), "study-2026/") or []
keyed = [pseudonym(number, b"a key that stays in the vault") for number in register["phone"]]
print(f"phone numbers: {sum(number is not None for number in cracked)} of {len(published)}")
print(f"with a key:    {sum(number is not None for number in numbers(keyed, '') or [])} of {len(keyed)}")

# %% [markdown] id="after-names"
# No column names anybody, and three of them together name nine rows of ten. Each of these is now a name with its debts. Coarser columns help: 14 % are left. But the honest measure is the size of the smallest group, not what was deleted. (And a group whose members all sold for `debts` hides none of them.)
#
# The hashes fell in a hundredth of a second, for there are only 5,000 numbers. A whole country has about a billion: half an hour in plain Python, a second on a graphics card. Salt does not help where it is known, and a slow hash only makes it dearer. With a **key** that is kept elsewhere nothing falls. But the result is a *pseudonym*: who has the
# key, or steals it, is back where you were. And the first attack needed no phone number at all.

# %% id="code-reidentify-check" check="code-reidentify" points=3
chance = np.random.default_rng(seed())
ward, area = f"ward {int(chance.integers(20, 90))}", int(chance.integers(40, 90))
lines = [["Ana", ward, area, "2026-03-01"], ["Bo", ward, area + 1, "2026-03-01"], ["Cy", ward, area, "2026-03-02"]]
lines += [["Di", ward, area, "2026-03-02"], ["Bo", ward, area + 1, "2026-03-01"]]
small = pd.DataFrame(lines, columns=["owner", "ward", "area_m2", "day"])
rows = small.drop(columns="owner").iloc[[3, 4, 0]]
expect(
    named(rows, small, ["ward", "area_m2", "day"]),
    [None, "Bo", "Ana"],
    given=f"{ward}, {area} m², 2 March: Cy or Di; {area + 1} m², 1 March: Bo, who sold two; {area} m², 1 March: Ana",
    slip="one owner, be it by several lines; two owners are no finding; in the order of the published rows",
)
expect(
    named(rows, small, ["day"]),
    [None] * len(rows),
    given="compared by day only",
    slip="compare the columns in `by` and no others",
)
### BEGIN HIDDEN TESTS
register = land_register(chance, 240)
published = without_names(chance, register)
strangers = published.head(5).assign(ward="ward 99")
published = pd.concat([published, strangers]).sample(frac=1, random_state=int(chance.integers(1e6)))
for by in (["day"], ["day", "ward"], ["area_m2", "ward"], ["ward", "area_m2", "day"], ["area_m2"]):
    owners = [set() for _ in range(len(published))]
    place = {}
    for number, values in enumerate(published[by].to_numpy().tolist()):
        place.setdefault(tuple(values), []).append(number)
    for owner, *values in register[["owner", *by]].to_numpy().tolist():
        for number in place.get(tuple(values), ()):
            owners[number].add(owner)
    expect(
        named(published, register, list(by)),
        [people.pop() if len(people) == 1 else None for people in owners],
        given=f"{len(published)} rows, compared by {', '.join(by)}; five are in no register",
        slip="what counts is how many different owners the register has for these values",
        secret=True,
    )
### END HIDDEN TESTS

# %% id="code-reidentify-check-2" check="code-reidentify" points=3
chance = np.random.default_rng(seed())
salt = f"{int(chance.integers(1e6))}-"
behind = [f"{PREFIXES[int(n) // 1000]}{int(n) % 1000:03d}" for n in chance.integers(0, 5_000, 3)]
expect(
    numbers([phone_hash(number, salt) for number in behind], salt),
    behind,
    given=f"the hashes of {', '.join(behind)} with the salt {salt!r}",
    slip="hash every possible number once, salt first, three digits with their zeros, and look the hashes up",
)
### BEGIN HIDDEN TESTS
for salt in ("", f"salt {int(chance.integers(1e6))}:"):
    behind = [f"{prefix}{digits:03d}" for prefix in PREFIXES for digits in (0, int(chance.integers(1, 100)), 999)]
    behind += [behind[int(n)] for n in chance.integers(0, len(behind), 4)]
    hashed = [phone_hash(number, salt) for number in behind]
    key = chance.bytes(16)
    foreign = [pseudonym(behind[0], key), phone_hash(behind[1], salt + "x")]
    foreign += [phone_hash(number, salt) for number in ("+49302312599", f"{PREFIXES[4]}1000")]
    order = chance.permutation(len(behind) + len(foreign)).tolist()
    expect(
        numbers([(hashed + foreign)[place] for place in order], salt),
        [(behind + [None] * len(foreign))[place] for place in order],
        given=f"{len(order)} hashes, salt {salt!r}; one has a key, one another salt, two are no such numbers",
        slip="000 and 999 are numbers, too; what none of them explains is None; in the order of the hashes",
        secret=True,
    )
### END HIDDEN TESTS

# %% [markdown] id="cost-task" half="practice" minutes=9
# ## 11 · Practice: who pays, and from when on a server pays
#
# **Minutes: 9 · hard**
#
# **From the programme.** A cost report.
#
# *The slip: "what a model costs is what its training costs."*
#
# The bill of the month has one line: so many core-hours, so many cents. Write `cost_report(work, bill)`, which says who made it. `work` is a table of measured pieces with `phase`, `version`, `core_hours` and `predictions`; `bill` is such as `{"cents": 41237, "core_hours": 1460}`: what was paid for, used or not. Return a dict; all amounts but the last are whole cents.
#
# - `"idle"`: what was paid for and not used. It stays apart, since no version made it.
# - `"by_phase"`: what was used, as a dict from phase to cents.
# - `"by_version"`: the same money, from version to cents. The version `SHARED` (monitoring, the store) is nobody's: divide its core-hours among the versions **by their predictions**, since those are what it watches and keeps.
# - `"per_thousand"`: from version to USD for 1,000 predictions, everything included; `None` for a version that made none.
#
# Idle and phases together are the bill **to the cent**, and so are idle and versions; no amount is more than a cent and a half from its exact share. (Rounding each by itself breaks the first.) Raise `ValueError` when more was used than paid for: then a measurement is wrong.
#
# Then write `break_even(server, batch)`: from how many requests a month on does a server cost **less** than a nightly batch? Both arguments are dicts. The server costs `usd_an_hour` for `HOURS` (730), whether asked or not, and holds `capacity` requests a month; for more, another one costs as much again. The batch costs `usd_a_start` in each of `NIGHTS` (30), and `usd_per_thousand` rows; it scores what was asked that day.
# Return the smallest whole number, or `None` when no number does it.
#
# <details><summary>Hint 1: cents that add up</summary>
#
# Round where each share *ends*: `ends = np.rint(cents * np.cumsum(weights) / sum(weights))`, and `np.diff(ends, prepend=0)` are the amounts. First split the bill into idle and used, then what was used.
# </details>
# <details><summary>Hint 2: the versions, and None</summary>
#
# A version carries `own + shared * made / made.sum()` core-hours. A batch of n costs start + n · row: find n where that passes the server. When one server cannot hold n, neither can two hold 2n: each costs as much again, and the batch has only one start.
# </details>

# %% id="cost-tools" folded=true shared=true
SHARED, HOURS, NIGHTS = "shared", 730, 30


def a_month(chance, versions=("v3", "v4", "v5")):
    """Measured work of a month, in which the last version was only trained, and what was paid for."""
    lines = [("monitor", SHARED, 60, 0), ("store", SHARED, 25, 0)]
    lines += [("train", version, 30, 0) for version in versions for _ in range(2)]
    for version, size in zip(versions[:-1], (1.0, 0.3), strict=False):
        for _ in range(3):
            lines += [("serve", version, 90 * size, 400_000 * size), ("batch", version, 12 * size, 900_000 * size)]
    work = pd.DataFrame(lines, columns=["phase", "version", "core_hours", "predictions"])
    work["core_hours"] = (work["core_hours"] * chance.uniform(0.5, 1.5, len(work))).round(3)
    work["predictions"] = (work["predictions"] * chance.uniform(0.5, 1.5, len(work))).astype(int)
    paid = float(math.ceil(work["core_hours"].sum() * chance.uniform(1.2, 2.0)))
    bill = {"cents": int(paid * chance.uniform(2.5, 4.5)), "core_hours": paid}
    return work.sample(frac=1, random_state=int(chance.integers(1e6))).reset_index(drop=True), bill


# %% id="code-cost-report" task=true
def cost_report(work, bill):
    """The bill by phase and by version in whole cents, idle apart, and USD for 1,000 predictions of each version."""
    idle, by_phase, by_version, per_thousand = 0, {}, {}, {}
    ### BEGIN SOLUTION

    def split(cents, weights):
        ends = np.rint(cents * np.cumsum(weights) / sum(weights)).astype(int)
        return np.diff(ends, prepend=0).tolist()

    phases = work.groupby("phase")["core_hours"].sum()
    versions = work[work["version"] != SHARED].groupby("version")[["core_hours", "predictions"]].sum()
    used, made = phases.sum(), versions["predictions"]
    if used > bill["core_hours"]:
        raise ValueError(f"{used} core-hours were used of {bill['core_hours']} that were paid for: measure again")
    idle, spent = split(bill["cents"], [bill["core_hours"] - used, used])
    carried = versions["core_hours"] + (used - versions["core_hours"].sum()) * made / made.sum()
    by_phase = dict(zip(phases.index, split(spent, phases)))
    by_version = dict(zip(versions.index, split(spent, carried)))
    per_thousand = {name: 10 * cents / made[name] if made[name] else None for name, cents in by_version.items()}
    ### END SOLUTION
    return {"idle": idle, "by_phase": by_phase, "by_version": by_version, "per_thousand": per_thousand}


def break_even(server, batch):
    """The least number of requests a month for which a server costs less than a nightly batch; None if there is none."""
    ### BEGIN SOLUTION
    left = HOURS * server["usd_an_hour"] - NIGHTS * batch["usd_a_start"]
    requests = max(math.floor(left / batch["usd_per_thousand"] * 1_000) + 1, 0)
    return requests if requests <= server["capacity"] else None
    ### END SOLUTION


# %% [markdown] id="try-cost"
# The next cell reports a month of three versions, of which v5 was only trained, and then asks from when on two servers pay.
#
# **Predict.** Training is what people talk about. What share of the bill is it?

# %% id="tried-cost"
work, bill = a_month(np.random.default_rng(SEED))
month = cost_report(work, bill)
print(f"bill {bill['cents'] / 100:.2f} USD, idle {month['idle'] / 100:.2f} USD")
for name, cents in {**month["by_phase"], **month["by_version"]}.items():
    print(f"{name:8} {cents / 100:7.2f} USD {cents / bill['cents']:6.1%}")
for name, usd in month["per_thousand"].items():
    print(f"{name:8} {'no predictions' if usd is None else f'{usd:7.5f} USD for 1,000 predictions'}")
rented = {"usd_a_start": 0.12, "usd_per_thousand": 0.006}
for capacity in (8_000_000, 4_000_000):
    pays = break_even({"usd_an_hour": 0.05, "capacity": capacity}, rented)
    print(f"a server that holds {capacity:,} requests a month pays {f'from {pays:,} on' if pays else 'never'}")

# %% id="picture-cost" folded=true
figure, (left, right) = plt.subplots(1, 2, figsize=(9.0, 2.7))
for row, parts in enumerate((month["by_phase"], month["by_version"])):
    start = 0.0
    for place, (name, cents) in enumerate([*parts.items(), ("idle", month["idle"])]):
        color = GREY if name == "idle" else (BLUE, ORANGE, GREEN, "#e0a458", "#6d597a")[place % 5]
        left.barh(row, cents / 100, left=start, color=color, height=0.6)
        wide = cents > 0.08 * bill["cents"]
        where = {"ha": "center", "va": "center", "color": "white"} if wide else {"rotation": 40, "va": "bottom"}
        left.text(start + cents / 200, row if wide else row - 0.32, name, fontsize=7.5, **where)
        start += cents / 100
left.set(
    xlim=(0, bill["cents"] / 100), ylim=(1.5, -1.0), yticks=[0, 1], yticklabels=["by phase", "by version"], xlabel="USD"
)
left.set_title("One bill, told twice")
asked = np.linspace(0, 14e6, 400)
right.plot(asked / 1e6, 3.6 + asked * 6e-6, color=BLUE, label="nightly batch")
for capacity, color, style in ((8e6, GREEN, "-"), (4e6, ORANGE, "--")):
    right.plot(
        asked / 1e6,
        36.5 * np.maximum(np.ceil(asked / capacity), 1),
        color=color,
        ls=style,
        label=f"servers that hold {capacity / 1e6:.0f} million",
    )
right.set(xlabel="million requests a month", ylabel="USD a month", ylim=(0, 160))
right.legend(frameon=False, fontsize=8)
right.set_title("From when on a server pays")
figure.tight_layout()
plt.show()

# %% [markdown] id="after-cost"
# The left picture tells the same money twice. Training is a sixth of it, and half is what nobody used: a smaller machine saves that, no better model does. Version v5 has a cost, and no price for 1,000.
#
# On the right, the larger server pays from five and a half million requests on, until it is full; the small one never does, however many come. And price is not all: last night's batch knows nothing of this morning's house.

# %% id="code-cost-report-check" check="code-cost-report" points=4
chance = np.random.default_rng(seed())


def fault(found, work, bill):
    """What is wrong with a report, in a few words, or None."""
    for part in ("by_phase", "by_version"):
        amounts = [found["idle"], *found[part].values()]
        if not all(type(cents) is int or isinstance(cents, np.integer) for cents in amounts):
            return f"the amounts of {part} are whole cents, as int; got {amounts}"
        if sum(amounts) != bill["cents"]:
            return f"idle and {part} are {sum(amounts)} cents together, and the bill is {bill['cents']}"
    return None


work, bill = a_month(chance)
found = cost_report(work, bill)
require(isinstance(found, dict), f"cost_report should return a dictionary; got {type(found).__name__}")
expect(sorted(found), ["by_phase", "by_version", "idle", "per_thousand"], given="the parts of the report")
expect(sorted(found["by_version"]), ["v3", "v4", "v5"], given="the versions that pay", slip="nobody is called shared")
expect(
    fault(found, work, bill), None, given=f"{len(work)} pieces of work, {bill['cents']} cents: what is wrong with it"
)
### BEGIN HIDDEN TESTS
for number in range(12):
    work, bill = a_month(chance, [f"{'rv'[number % 2]}{number + 3 * step}" for step in (0, 1, 2)])
    work.loc[work["version"] == SHARED, "core_hours"] *= 1 + number % 3 * 9
    bill["core_hours"] = float(math.ceil(work["core_hours"].sum() * (1.1 + number % 4)))
    bill["cents"] = int(bill["core_hours"] * chance.uniform(2.5, 4.5))
    found, lines = cost_report(work, bill), work.to_dict("records")
    expect(fault(found, work, bill), None, given=f"{len(work)} pieces of work, {bill['cents']} cents: what is wrong")
    cents_an_hour = bill["cents"] / bill["core_hours"]
    exact, made, phases = {}, {}, {}
    for line in lines:
        phases[line["phase"]] = phases.get(line["phase"], 0.0) + line["core_hours"] * cents_an_hour
        exact[line["version"]] = exact.get(line["version"], 0.0) + line["core_hours"] * cents_an_hour
        made[line["version"]] = made.get(line["version"], 0) + line["predictions"]
    shared = exact.pop("shared")
    exact = {name: own + shared * made[name] / sum(made.values()) for name, own in exact.items()}
    idle = bill["cents"] - sum(phases.values())
    for what, got, due in (
        ("idle, in cents", {"idle": found["idle"]}, {"idle": idle}),
        ("by phase, in cents", found["by_phase"], phases),
        ("by version, in cents", found["by_version"], exact),
    ):
        expect(
            {name: float(cents) for name, cents in got.items()},
            due,
            given=f"{what}, of {bill['cents']}",
            abs_tol=1.5,
            slip="idle stays apart; shared work is divided by predictions; no amount far from its exact share",
            secret=True,
        )
    prices = {name: found["per_thousand"].get(name) for name in exact}
    expect(
        {name: None if price is None else price * made[name] / 10 for name, price in prices.items()},
        {name: cents if made[name] else None for name, cents in exact.items()},
        given="USD for 1,000 predictions, times the predictions of each version: cents",
        abs_tol=1.5,
        slip="everything that the version carries, training and its part of what is shared included; idle is not",
        secret=True,
    )
work = work.assign(core_hours=2.0 + np.arange(len(work)))
for factor, word in ((1.01, "ValueError"), (1, None)):
    bill = {"cents": 10_000, "core_hours": float(work["core_hours"].sum() / factor)}
    _, raised = attempt(cost_report, work, bill)
    expect(raised, word, given=f"{factor:.0%} of what was paid for was used: what is raised", secret=True)
### END HIDDEN TESTS

# %% id="code-cost-report-check-2" check="code-cost-report" points=3
chance = np.random.default_rng(seed())
hour, row = round(float(chance.uniform(0.03, 0.09)), 3), round(float(chance.uniform(0.004, 0.01)), 4)
server, batch = {"usd_an_hour": hour, "capacity": 90_000_000}, {"usd_a_start": 0.1, "usd_per_thousand": row}
expect(
    break_even(dict(server), dict(batch)),
    math.floor((730 * hour - 3) / row * 1_000) + 1,
    given=f"a server for {hour} USD an hour that holds 90 million; a batch: 0.10 USD a night, {row} USD for 1,000",
    abs_tol=1,
    slip="the server costs 730 hours, the batch 30 starts and its rows",
)
### BEGIN HIDDEN TESTS
for share, more in ((2, 0), (1.1, 0), (1, 1), (1, 0), (0.8, 0), (0.3, 0)):
    requests = 0.0
    while not 1.1 < requests % 2 < 1.9:
        server = {"usd_an_hour": float(chance.uniform(0.02, 0.5))}
        batch = {"usd_a_start": float(chance.uniform(0.0, 0.4)), "usd_per_thousand": float(chance.uniform(0.002, 0.05))}
        requests = (730 * server["usd_an_hour"] - 30 * batch["usd_a_start"]) / batch["usd_per_thousand"] * 1_000
    server["capacity"] = math.floor(requests * share) + more
    expect(
        break_even(dict(server), dict(batch)),
        math.floor(requests) + 1 if server["capacity"] > requests else None,
        given=f"a server for {server['usd_an_hour']:.4f} USD an hour that holds {server['capacity']:,}; a batch: {batch}",
        slip="less, not as much; all hours are paid for; one server has to hold so many, the next costs as much again",
        secret=True,
    )
batch["usd_a_start"] = server["usd_an_hour"] * 40
expect(break_even(dict(server), dict(batch)), 0, given="thirty starts alone cost more than the server", secret=True)
### END HIDDEN TESTS

# %% [markdown] id="policy-task" half="practice" minutes=7
# ## 12 · Practice: an exception that ends
#
# **Minutes: 7 · medium**
#
# **From the programme.** Policy checks.
#
# *The slip: "an exception is for ever."*
#
# In March a version went out without a model card: the demo was on Thursday, and somebody important said yes. In November it still answers, and whoever asks hears "that one has an exception".
#
# `RULES`, in the folded cell below, says of each rule whether it stops a promotion (`"block"`) or is only written down (`"warn"`), and whether anybody may excuse it at all (`"excusable"`).
# Write `broken_rules(version, exceptions, today)`: it returns the rules that **stop this version today**, as a list in the order of `RULES`. `today` is a date. A version is a dict:
#
# `{"model": "house-price-predictor", "version": 7, "author": "ana", "found": {"known-data": True, "model-card": False}}`
#
# `found` has True for a rule that was looked at and is kept. With False, None, or nothing at all it is not kept: what nobody looked at has not passed. `exceptions` is a list of dicts such as
#
# `{"rule": "model-card", "model": "house-price-predictor", "version": 7, "granted_by": "chi", "granted_on": date(2026, 5, 4), "until": date(2026, 5, 29)}`
#
# An exception counts when **all** of this holds:
#
# - it is for this rule, and the rule is `"excusable"`;
# - it is for this model *and* this version: the next one asks again;
# - somebody granted it (a name, not None), and not the version's author;
# - today is within it, its first day and its last included;
# - it ends: `until` is not None, and is at most `LONGEST_DAYS` days after `granted_on`.
#
# <details><summary>Hint 1: the road</summary>
#
# Two questions, two functions: does *this* exception count for this version today, and which rules are left? Dates compare with `<=`, and `last - first` has `.days`.
# </details>
# <details><summary>Hint 2: almost the answer</summary>
#
# `excused = {each["rule"] for each in exceptions if counts(each, version, today)}`; then a rule stops when it is `"block"`, `found.get(rule) is not True`, and it is not both excusable and excused.
# In `counts` ask first whether `until` is None.
# </details>


# %% id="policy-tools" folded=true shared=true
from datetime import date, timedelta

RULES = {
    "known-data": {"severity": "block", "excusable": True},
    "gates-passed": {"severity": "block", "excusable": True},
    "model-card": {"severity": "block", "excusable": True},
    "four-eyes": {"severity": "block", "excusable": False},
    "no-personal-data": {"severity": "block", "excusable": False},
    "dependencies": {"severity": "block", "excusable": True},
    "training-cost": {"severity": "warn", "excusable": True},
}
LONGEST_DAYS = 90
MODEL = "house-price-predictor"


def a_version(number, *, author="ana", **found):
    """A version of which all rules are kept but those in `found`, written with _ for -."""
    known = dict.fromkeys(RULES, True) | {rule.replace("_", "-"): value for rule, value in found.items()}
    return {"model": MODEL, "version": number, "author": author, "found": known}


def an_exception(version, rule, today, /, *, since=10, left=10, **other):
    """An exception for a version, granted `since` days before today and good for `left` more; `other` fields differ."""
    first, last = today - timedelta(days=since), today + timedelta(days=left)
    about = {name: version[name] for name in ("model", "version")}
    return {"rule": rule, **about, "granted_by": "chi", "granted_on": first, "until": last, **other}


# %% id="code-policy" task=true
def broken_rules(version, exceptions, today):
    """The rules that stop a version today, in the order of RULES."""
    ### BEGIN SOLUTION
    excused = {each["rule"] for each in exceptions if counts(each, version, today)}
    return [
        rule
        for rule, about in RULES.items()
        # equivalent: ReplaceComparisonOperator_Eq_LtE ` <= "block"`: the only other severity comes after it
        # equivalent: ReplaceComparisonOperator_Eq_Is ` is "block"`: the same literal of one program is one object
        if about["severity"] == "block"
        # equivalent: ReplaceComparisonOperator_IsNot_NotEq ` != True`: what was found is True, False or None
        and version["found"].get(rule) is not True
        and not (about["excusable"] and rule in excused)
    ]
    ### END SOLUTION


### BEGIN SOLUTION
def counts(exception, version, today):
    """Whether an exception holds for a version today, whatever its rule."""
    mine = (exception["model"], exception["version"]) == (version["model"], version["version"])
    first, last = exception["granted_on"], exception["until"]
    if not mine or last is None or exception["granted_by"] in (None, version["author"]):
        return False
    return first <= today <= last and (last - first).days <= LONGEST_DAYS


### END SOLUTION


# %% id="try-policy"
without_card = a_version(7, model_card=False, training_cost=False)
granted = an_exception(without_card, "model-card", date(2026, 5, 14))
for day in (date(2026, 5, 14), date(2026, 5, 24), date(2026, 5, 25)):
    print(
        f"version 7 on {day}, excused from its card until {granted['until']}: {broken_rules(without_card, [granted], day)}"
    )
print(f"version 8, by the same exception: {broken_rules({**without_card, 'version': 8}, [granted], day)}")

# %% id="code-policy-check" check="code-policy" points=6 excuse="visible: the names of the rules stand in the task"
chance = np.random.default_rng(seed())
today = date(2026, 1, 1) + timedelta(days=int(chance.integers(0, 300)))
number = int(chance.integers(3, 40))
version = a_version(number, model_card=False, four_eyes=False, training_cost=False)
card, eyes = (an_exception(version, rule, today) for rule in ("model-card", "four-eyes"))
for given, exceptions, stop in (
    ("no card, approved by its author, dear to train; no exception", [], ["model-card", "four-eyes"]),
    ("the same, its card excused", [card], ["four-eyes"]),
    (
        "the same, its card excused until yesterday",
        [{**card, "until": today - timedelta(days=1)}],
        ["model-card", "four-eyes"],
    ),
    ("the same, both excused, but nobody may excuse four-eyes", [card, eyes], ["four-eyes"]),
):
    expect(broken_rules(version, exceptions, today), stop, given=given, slip="which exceptions count today?")
### BEGIN HIDDEN TESTS
day = timedelta(days=1)
excusable = ["known-data", "gates-passed", "model-card", "dependencies"]
cases = [
    ("it ends today", {"left": 0}, True),
    ("it ended yesterday", {"left": -1}, False),
    ("it was granted today", {"since": 0}, True),
    ("it begins tomorrow", {"since": -1}, False),
    ("it lasts as long as one may", {"since": 40, "left": LONGEST_DAYS - 40}, True),
    ("it lasts a day longer than one may", {"since": 40, "left": LONGEST_DAYS - 39}, False),
    ("it never ends", {"until": None}, False),
    ("it ends in the year 9999", {"until": date(9999, 12, 31)}, False),
    ("nobody granted it", {"granted_by": None}, False),
    ("its author granted it", {"granted_by": "binh"}, False),
    ("it is for the version before", {"version": number - 1}, False),
    ("it is for another model", {"model": "rent-predictor"}, False),
]
for place in chance.permutation(len(cases)):
    given, differs, good = cases[int(place)]
    rule, other = (str(each) for each in chance.permutation(excusable)[:2])
    value = [False, None][int(chance.integers(2))]
    version = a_version(number, author="binh")
    version["found"] |= {rule: value, other: False}
    found = broken_rules(version, [an_exception(version, rule, today, **differs)], today)
    stop = [each for each in RULES if each == other or (each == rule and not good)]
    expect(found, stop, given=f"{rule} and {other} are not kept; {rule} has an exception, and {given}", secret=True)
    both = [an_exception(version, rule, today, **differs), an_exception(version, rule, today, granted_by="eva")]
    expect(
        broken_rules(version, both, today), [other], given="the same, and a second exception that is good", secret=True
    )
for rule in chance.permutation(list(RULES)):
    rule, version = str(rule), a_version(number)
    del version["found"][rule]
    stop = [rule] if RULES[rule]["severity"] == "block" else []
    given = f"nobody looked at {rule}"
    expect(
        broken_rules(version, [], today), stop, given=given, slip="what nobody looked at has not passed", secret=True
    )
    excused = [an_exception(version, rule, today)]
    left = [] if RULES[rule]["excusable"] else stop
    expect(broken_rules(version, excused, today), left, given=f"{given}, and that is excused", secret=True)
expect(broken_rules(a_version(number), [], today), [], given="a version that keeps every rule")
everything = {**a_version(number), "found": {}}
stop = [rule for rule in RULES if RULES[rule]["severity"] == "block"]
expect(broken_rules(everything, [], today), stop, given="a version of which nothing was found", secret=True)
### END HIDDEN TESTS

# %% [markdown] id="load-task" half="practice" minutes=6
# ## 13 · Practice: load nothing that is not verified
#
# **Minutes: 6 · medium**
#
# *The slip: "it is in the registry, so it is ours."*
#
# A model's file is a **pickle**, as most are: to read it is to run it. Who may write to the registry's store may run what they like in your server. So one question comes before the first byte: *who vouches for this?*
#
# A model's folder arrives as a dictionary, from file name to bytes. In it are `model.pkl`, `requirements.txt`, `signer.pub`, and
#
# - `statement.json`: `{"model": …, "version": …, "files": {"model.pkl": "<SHA-256 in hex>", …}}`, with every file of the folder but the statement and its signature;
# - `statement.sig`: a signature (of the kind Ed25519) of the bytes of `statement.json`.
#
# Write `load_verified(files, model, version, signers)`: return what `pickle.loads` makes of `model.pkl`. But raise `ValueError`, **before a byte of it is parsed**, unless
#
# 1. statement and signature are there, and the signature is by one of `signers`, a dictionary from name to public key (32 bytes) that lies in *our* code. A key that comes along in the folder proves nothing;
# 2. the statement, which may be read from now on, is about this `model` and this `version`: yesterday's good version in the place of today's is signed, too;
# 3. the folder has exactly the files of the statement, none more, none fewer, each with its digest.
#
# `Ed25519PublicKey.from_public_bytes(key).verify(signature, content)` returns nothing, or raises `InvalidSignature`. The check brings good folders and swapped ones; in some lies a trap that leaves a file behind when it is run.
#
# <details><summary>Hint 1: the road</summary>
#
# A small function `signed_by(key, signature, content)` with `try` and `except InvalidSignature` that returns True or False; then `any(…)` over `signers.values()`. `files.get(…)` for what may be missing.
# </details>
# <details><summary>Hint 2: almost the answer</summary>
#
# `found = {name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name not in BESIDE}` is what the statement should say of the files. One comparison with all that it says, `json.loads(statement)`, finds what was changed, added, taken away or swapped.
# </details>


# %% id="load-tools" folded=true shared=true
import hashlib
import io
import json
import pickle
import secrets

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

BESIDE = ("statement.json", "statement.sig")


class Trap:
    """What an attacker puts into a pickle: whoever unpickles it makes a file, or whatever else the attacker likes."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return io.open, (self.mark, "w")


def key_pairs(chance, *names):
    """Private keys by name."""
    return {name: Ed25519PrivateKey.from_private_bytes(chance.bytes(32)) for name in names}


def public(keys):
    """The public halves, as bytes."""
    return {name: key.public_key().public_bytes_raw() for name, key in keys.items()}


def signed_folder(key, model, version, content):
    """A folder with a pickle of `content`, signed as a version of a model."""
    files = {
        "model.pkl": pickle.dumps(content),
        "requirements.txt": f"scikit-learn==1.{version}.0\n".encode(),
        "signer.pub": key.public_key().public_bytes_raw(),
    }
    digests = {name: hashlib.sha256(each).hexdigest() for name, each in files.items()}
    statement = json.dumps({"model": model, "version": version, "files": digests}).encode()
    return {**files, "statement.json": statement, "statement.sig": key.sign(statement)}


# %% id="code-load-verified" task=true
def load_verified(files, model, version, signers):
    """The model in a folder that one of `signers` has signed as this version; raises ValueError for any other."""
    ### BEGIN SOLUTION
    statement, signature = (files.get(name) for name in BESIDE)
    if statement is None or signature is None:
        raise ValueError("the folder is not signed")
    if not any(signed_by(key, signature, statement) for key in signers.values()):
        raise ValueError("nobody whom we know has signed it")
    found = {name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name not in BESIDE}
    if json.loads(statement) != {"model": model, "version": version, "files": found}:
        raise ValueError(f"what is signed is not this, version {version} of {model}")
    return pickle.loads(files["model.pkl"])
    ### END SOLUTION


### BEGIN SOLUTION
def signed_by(key, signature, content):
    """Whether a signature is by the owner of this public key."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, content)
    except InvalidSignature:
        return False
    return True


### END SOLUTION


# %% id="try-load"
ours = key_pairs(np.random.default_rng(SEED), "chi", "dora")
signed_7 = signed_folder(ours["chi"], MODEL, 7, {"per_m2": 2_950.0})
swapped_in = {**signed_7, "model.pkl": pickle.dumps(Trap("somebody-was-here"))}
print("version 7:", attempt(load_verified, signed_7, MODEL, 7, public(ours)))
print("a trap in its place:", attempt(load_verified, swapped_in, MODEL, 7, public(ours)))
print("its code was run" if (workspace / "somebody-was-here").exists() else "nothing of it was run")

# %% id="code-load-verified-check" check="code-load-verified" points=5 excuse="visible: the error's name stands in the task"
chance = np.random.default_rng(seed())
ours = key_pairs(chance, "chi", "dora", "eva")
signers, number = public(ours), int(chance.integers(3, 40))
content = {"intercept": float(chance.normal()), "per_m2": float(chance.uniform(900, 4_000))}
files = signed_folder(ours["dora"], MODEL, number, content)
expect(load_verified(files, MODEL, number, signers), content, given=f"version {number}, signed by dora, who is known")
mark = f"parsed-{secrets.token_hex(6)}"
trap = pickle.dumps(Trap(mark))
_, error = attempt(load_verified, {**files, "model.pkl": trap}, MODEL, number, signers)
expect(error, "ValueError", given="another model.pkl in the place of the signed one", slip="compare its digest")
### BEGIN HIDDEN TESTS
stranger, gone = key_pairs(chance, "mallory", "frank").values()
trapped = signed_folder(ours["chi"], MODEL, number, Trap(mark))
said = json.loads(trapped["statement.json"])
longer = json.dumps({**said, "files": {**said["files"], "model.pkl": hashlib.sha256(trap + b" ").hexdigest()}}).encode()
without = {name: {k: v for k, v in trapped.items() if k != name} for name in trapped}
other = signed_folder(ours["chi"], MODEL, number - 1, Trap(mark))
mine = Ed25519PrivateKey.from_private_bytes(chance.bytes(32))
cases = [
    ("a folder without a signature", without["statement.sig"], signers),
    ("a folder without a statement", without["statement.json"], signers),
    (
        "a folder signed by a stranger, whose key lies in it",
        signed_folder(stranger, MODEL, number, Trap(mark)),
        signers,
    ),
    (
        "a folder signed by somebody who is not trusted any more",
        signed_folder(gone, MODEL, number, Trap(mark)),
        signers,
    ),
    ("a folder signed by one of ours, of which nobody is trusted", trapped, {}),
    ("a folder that one of ours signed as the version before", other, signers),
    (
        "a folder that one of ours signed as another model",
        signed_folder(ours["eva"], "rent-predictor", number, Trap(mark)),
        signers,
    ),
    ("the signature of another folder", {**trapped, "statement.sig": other["statement.sig"]}, signers),
    ("a signature of no bytes", {**trapped, "statement.sig": b""}, signers),
    ("a statement with another digest in it", {**trapped, "model.pkl": trap + b" ", "statement.json": longer}, signers),
    ("a statement that is no JSON, unsigned", {**trapped, "statement.json": b"{"}, signers),
    ("a file more than was signed", {**trapped, "sitecustomize.py": b"print('hello')"}, signers),
    ("a file fewer than was signed", without["requirements.txt"], signers),
    ("other requirements than were signed", {**trapped, "requirements.txt": b"scikit-learn\n"}, signers),
    ("another key in the place of signer.pub", {**trapped, "signer.pub": public({"me": mine})["me"]}, signers),
]
for place in chance.permutation(len(cases)):
    given, files, known = cases[int(place)]
    _, error = attempt(load_verified, files, MODEL, number, known)
    expect(error, "ValueError", given=given, slip="refuse first, parse last", secret=True)
require(
    mark not in examine("os:listdir", path="."),
    "a folder was refused, and its pickle had been run already: the file that the trap makes is there",
)
for signer in chance.permutation(list(ours)):
    content = {"intercept": float(chance.normal()), "per_m2": float(chance.uniform(900, 4_000))}
    later = int(chance.integers(41, 90))
    files = signed_folder(ours[str(signer)], "rent-predictor", later, content)
    found, error = attempt(load_verified, files, "rent-predictor", later, signers)
    expect(found, content, given=f"version {later} of another model, signed by {signer}", secret=True)
    shuffled = dict(sorted(files.items(), reverse=True))
    expect(
        load_verified(shuffled, "rent-predictor", later, signers),
        content,
        given="its files in another order",
        secret=True,
    )
### END HIDDEN TESTS

# %% [markdown] id="desk-task" half="practice" minutes=8
# ## 14 · The whole desk: two weeks, and you are responsible
#
# **Minutes: 8 · hard, but you hold all the pieces**
#
# *The slip: "safe is what is locked."*
#
# A small platform lives through two weeks. Its people and their keys are the real ones of `lib.governance`: a key that you rotate opens nothing from then on. Each morning your `desk(morning)` gets what is known and returns a list of **orders**, each a list of two: a word and its object.
#
# | order | what happens |
# |---|---|
# | `["rotate", key]` | the key opens nothing from now on; its owner spends today fetching the new one |
# | `["serve", version]` | that version of the house price model answers from now on, newer or older |
# | `["withdraw", column]` | no model reads that feature any more, and nobody else, for good |
# | `["stop", job]` | the job stands still today, and starts anew tomorrow as it was meant |
#
# `morning` is a dictionary with `"today"`, a date, and the traces of four kinds of trouble:
#
# - **Keys.** `"log"`: who asked yesterday, a table of `key`, `person`, `hour` (0 to 23), `network`, `rows` and `answered`. Somebody has a copy of a key. They ask for less than its owner does, so that no limit sees them, but they sit somewhere else: nobody works from two networks in *two or more* hours of a day. (In one hour they may: they went home. People travel, and have busy weeks.)
# - **Versions.** `"versions"`: all versions in the registry, as `broken_rules` knows them, with `"files"` as `load_verified` does; `"answers"`: the number of the one that answers; `"signers"` and `"exceptions"`. Somebody may write to the store. The *newest* version that is verified and breaks no rule today shall answer, whatever the registry says.
# - **Features.** `"features"`: rows of the feature table. A source may begin to send people's phone numbers or mail addresses in a column with a harmless name, in a few rows. `scan_frame(table)` is the search of `lib.governance`: of each finding, `column` says where, and `by` is `"content"` or `"name"`. A name can mislead: by its name, `street_noise_db` would be somebody's street.
# - **Costs.** `"costs"`: what each `job` did yesterday, a table of `job`, `usd` and `done`; `"usual"`: what a job costs for 1,000 done, in USD. A job may forget to end, or to share its machine. Quiet days cost up to `SPARE_USD` more than the work of them is worth, and a week in which four times as much is asked for may cost four times as much.
#
# Judged is what happened: what the thief got, which version answered on each day, who could read what, what was paid for nothing; **and whether everybody else could work**.
#
# <details><summary>Hint 1: the log</summary>
#
# `log.groupby(["key", "hour"])["network"].nunique() > 1` says in which hours a key was used from more than one network. `.groupby("key").sum()` counts those hours. A thief who is locked out goes on trying: with the old key, whose owner does not use it any more.
# </details>
# <details><summary>Hint 2: the rest, almost</summary>
#
# A function `fine(version, morning)`: `try` to `load_verified`, False at `ValueError`, else whether `broken_rules(…)` is empty. `max` of the numbers that are fine; an order only when that is not what answers.
# For the bill, `costs["usd"] - costs["job"].map(usual) * costs["done"] / 1_000`.
# </details>

# %% id="desk-tools" folded=true shared=true
import tempfile
from datetime import UTC, datetime, time
from pathlib import Path

from lib.errors import BadCredential
from lib.governance.authority import open_authority
from lib.governance.privacy_scan import scan_frame

DAYS, SPARE_USD = 14, 60.0
MONDAY = date(2026, 6, 1)
PEOPLE = {"ana": "scientist", "binh": "operator", "chi": "reviewer", "dora": "auditor", "site": "learner"}
NEEDS = {
    "scientist": "data:read",
    "operator": "figures:read",
    "reviewer": "models:approve",
    "auditor": "trail:read",
    "learner": "predictions:ask",
}
USUAL = {"serve": 2.0, "batch": 0.5, "stream": 1.2, "monitor": 3.0, "train": 0.2}
A_DAY = {"serve": 40_000, "batch": 120_000, "stream": 30_000, "monitor": 12_000}
BAD_FILES = ["unsigned", "stranger", "altered", "swapped"]
BAD_BY_RULE = ["failed", "unlooked", "self-granted", "ended", "endless", "for another", "self-approved", "personal"]
COLUMNS = ["heating", "access", "condition_note", "energy_note", "view", "parking"]


def drawn(chance, values, number=None):
    """One of `values`, or a list of `number` different ones."""
    found = [values[int(place)] for place in chance.permutation(len(values))[: number or 1]]
    return found if number else found[0]


def a_network(chance):
    """Addresses that nobody else has."""
    return f"{chance.integers(11, 200)}.{chance.integers(256)}.{chance.integers(256)}.0/24"


def worked(chance, networks, day, *, program, busy, away):
    """The hours, networks and rows of somebody's day: at the office, at home, or at the office and then at home."""
    if program:
        return [[hour, networks["office"], int(chance.integers(800, 3_000))] for hour in range(24)]
    if day % 7 > 4:
        return []
    place = "hotel" if away else drawn(chance, ["office", "office", "home"])
    leaves = int(chance.integers(11, 16)) if place == "office" and chance.random() < 0.6 else 24
    found = [
        [hour, networks[place if hour <= leaves else "home"], int(chance.integers(20, 60)) * (12 if busy else 1)]
        for hour in range(8, 17)
    ]
    return found + ([[leaves, networks["home"], int(chance.integers(5, 20))]] if leaves < 24 else [])


def stolen_hours(chance, work, first):
    """What a thief asks for, day by day from `first` on: little, while the owner of the key works."""
    at = a_network(chance)
    return {
        day: [
            [hour, at, int(chance.integers(5, 20))]
            for hour in sorted(drawn(chance, [each[0] for each in hours[:9]], int(chance.integers(2, 6))))
        ]
        for day, hours in enumerate(work)
        if day >= first and hours
    }


def a_registry(chance):
    """What lies in the registry, from which day on, and the last day on which each version is fine; -1 is never."""
    keys, stranger = key_pairs(chance, "chi", "eva"), key_pairs(chance, "mallory")["mallory"]
    bad = drawn(chance, [*drawn(chance, BAD_FILES, 3), *drawn(chance, BAD_BY_RULE, 3)], 6)
    # After the excused one nothing good arrives for a while, so that it matters when its exception ends.
    others = drawn(chance, [["excused", *bad[:2]], *([kind] for kind in ["good", "warned", "good", *bad[2:]])], 8)
    kinds = ["good", "good", *(kind for few in others for kind in few)]
    versions, exceptions = [], []
    days = [0, 0, *sorted(drawn(chance, range(1, 13), len(kinds) - 2))]
    for number, (day, kind) in enumerate(zip(days, kinds, strict=True), 1):
        entry = a_version(number, author=drawn(chance, ["ana", "omar"]), training_cost=kind != "warned")
        content = {"per_m2": float(chance.uniform(900, 4_000)), "number": number}
        key = stranger if kind == "stranger" else keys[drawn(chance, list(keys))]
        files = signed_folder(key, MODEL, number - (kind == "swapped"), content)
        if kind == "unsigned":
            del files["statement.sig"]
        elif kind == "altered":
            files["model.pkl"] = pickle.dumps({**content, "per_m2": 1.0})
        last = {"good": DAYS, "warned": DAYS, "excused": day + int(chance.integers(2))}.get(kind, -1)
        excusable = [rule for rule in RULES if RULES[rule]["excusable"] and rule != "training-cost"]
        rule = {"self-approved": "four-eyes", "personal": "no-personal-data"}.get(kind, drawn(chance, excusable))
        if kind == "unlooked":
            del entry["found"][rule]
        elif kind == "excused" or kind in BAD_BY_RULE:
            entry["found"][rule] = False
        differs = {
            "self-granted": {"granted_by": entry["author"]}, "ended": {"left": -1}, "endless": {"until": None},
            "for another": {"version": 1}, "self-approved": {}, "personal": {}, "excused": {"left": last - day},
        }.get(kind)  # fmt: skip
        if differs is not None:
            exceptions.append(
                an_exception(entry, rule, MONDAY + timedelta(days=day), since=3, **{"left": 40, **differs})
            )
        versions.append({"entry": entry, "files": files, "from": day, "last": last, "altered": DAYS})
    spared = kinds.index("excused") + 1
    struck = drawn(chance, [day for day in range(4, 11) if newest_fine(versions, day) != spared])
    versions[newest_fine(versions, struck) - 1] |= {"last": struck - 1, "altered": struck}
    unfit = drawn(chance, [each for each in versions if each["last"] < 0 and each["from"] < DAYS - 2])
    pushed = int(chance.integers(unfit["from"], DAYS - 2)) + 1, unfit["entry"]["version"]
    return {"versions": versions, "exceptions": exceptions, "signers": public(keys), "pushed": pushed}


def newest_fine(versions, day):
    """The number of the version that shall answer on a day."""
    return max(each["entry"]["version"] for each in versions if each["from"] <= day <= each["last"])


def new_column(chance, kind):
    """Texts about twenty houses; of a kind "mail" or "phone", some of them tell how to reach somebody."""
    values = [
        drawn(chance, ["gas", "district heating", "heat pump 9 kW", "2400 l", "stove", "none"]) for _ in range(20)
    ]
    for place in drawn(chance, range(20), int(chance.integers(1, 4))) if kind else ():
        who = f"{drawn(chance, ['mai', 'jonas', 'lena', 'duc'])}.{drawn(chance, ['pham', 'weber', 'roth'])}"
        reach = {"mail": f"ask {who}@example.com", "phone": f"call +49 30 23125 {chance.integers(1_000):03d}"}
        values[place] += f"; {reach[kind]}"
    return values


def a_bill(chance, day, *, busy):
    """What each job does on a day and what that costs: [done, USD]; about the usual, and a little for standing by."""
    much = chance.uniform(0.8, 1.2) * (0.3 if day % 7 > 4 else 1.0)
    times = {"serve": 4, "stream": 4} if busy else {}
    done = {job: round(number * much * times.get(job, 1)) for job, number in A_DAY.items()}
    done["train"] = drawn(chance, [0, 0, 300_000, 1_500_000])
    worth = {job: USUAL[job] * number / 1_000 for job, number in done.items()}
    by = {job: chance.uniform(0, 18) if number else 0 for job, number in done.items()}
    return {job: [done[job], float(round(worth[job] * chance.uniform(0.96, 1.04) + by[job], 2))] for job in USUAL}


def the_work(chance):
    """What everybody does, day by day; one has a busy week, two are away for three days."""
    humans = [name for name in PEOPLE if name != "site"]
    busy, travel = drawn(chance, humans), drawn(chance, humans, 2)
    weeks = {name: int(chance.integers(2)) for name in PEOPLE}
    found = {}
    for name in PEOPLE:
        networks = {place: a_network(chance) for place in ("office", "home", "hotel")}
        for day in range(DAYS):
            there = day // 7 == weeks[name]
            how = {
                "program": name == "site",
                "busy": there and name == busy,
                "away": name in travel and there and 0 < day % 7 < 4,
            }
            found.setdefault(name, []).append(worked(chance, networks, day, **how))
    return found


def two_weeks(chance):
    """What is going to happen on a platform: honest work, and what is done to it."""
    work, registry = the_work(chance), a_registry(chance)
    robbed = ["site", drawn(chance, [name for name in PEOPLE if name != "site"])]
    starts = drawn(chance, [1, 2, 3, 7, 8, 9, 10], 2)
    houses = {
        "area_m2": chance.uniform(30, 190, 20).round(1),
        "street_noise_db": chance.integers(40, 75, 20),
        "tel_mast_m": chance.integers(60, 4_000, 20),
        "plot": [f"{chance.integers(1, 99)}/{chance.integers(1, 999)}" for _ in range(20)],
    }
    new = {}
    kinds = drawn(chance, ["mail", "phone", "", ""], 4)
    for name, first, kind in zip(drawn(chance, COLUMNS, 4), drawn(chance, range(1, 12), 4), kinds, strict=True):
        new[name] = {"from": first, "personal": bool(kind), "values": new_column(chance, kind)}
    dear, spiking = (
        int(chance.integers(2)),
        zip(drawn(chance, list(USUAL), 2), drawn(chance, range(1, 11), 2), strict=True),
    )
    return {
        "work": work,
        "thieves": {name: stolen_hours(chance, work[name], first) for name, first in zip(robbed, starts, strict=True)},
        "registry": registry,
        "houses": houses,
        "new": new,
        "bill": [a_bill(chance, day, busy=day // 7 == dear) for day in range(DAYS)],
        "spikes": {job: [first, float(chance.uniform(110, 420))] for job, first in spiking},
    }


class Platform:
    """The platform while the weeks go by; `lived` has by incident the days of harm, and those on which honest work stood still."""

    def __init__(self, weeks, folder):
        self.weeks, self.day = weeks, 0
        self.people = (authority := open_authority(Path(folder), clock=self.now)).people
        self.identify = authority.identify
        self.lived = {kind: {"harm": [], "stood": []} for kind in ("keys", "versions", "features", "costs")}
        for name, role in PEOPLE.items():
            self.people.put(name, [role])
        self.held = {name: self.people.issue(name) for name in PEOPLE}
        self.copied, self.spikes = {}, dict(weeks["spikes"])
        self.answers, self.withdrawn = 1, set()
        # Yesterday was a Sunday like the next one.
        self.log = [[self.held["site"].id, "site", *each, True] for each in weeks["work"]["site"][6]]
        self.costs = [[job, usd, done] for job, (done, usd) in weeks["bill"][6].items()]

    def now(self):
        return datetime.combine(MONDAY, time(8), UTC) + timedelta(days=self.day)

    def tell(self, incident, kind, what):
        self.lived[incident][kind].append(f"{what} on day {self.day}")

    def morning(self):
        """What a desk is told."""
        registry, columns = self.weeks["registry"], dict(self.weeks["houses"])
        if self.day == registry["pushed"][0]:
            self.answers = registry["pushed"][1]
        columns |= {name: each["values"] for name, each in self.weeks["new"].items() if each["from"] <= self.day}
        forged = pickle.dumps({"per_m2": 0.0})
        versions = [
            {
                **each["entry"],
                "files": {**each["files"], "model.pkl": forged} if each["altered"] <= self.day else each["files"],
            }
            for each in registry["versions"]
            if each["from"] <= self.day
        ]
        return {
            "today": MONDAY + timedelta(days=self.day),
            "log": pd.DataFrame(self.log, columns=["key", "person", "hour", "network", "rows", "answered"]),
            "versions": versions, "answers": self.answers,
            "signers": registry["signers"], "exceptions": registry["exceptions"],
            "features": pd.DataFrame({name: values for name, values in columns.items() if name not in self.withdrawn}),
            "costs": pd.DataFrame(self.costs, columns=["job", "usd", "done"]), "usual": USUAL,
        }  # fmt: skip

    def live(self, orders):
        """A day under these orders."""
        said = {word: {what for each, what in orders if each == word} for word in ("rotate", "withdraw", "stop")}
        fetching = {name for name, key in self.held.items() if key.id in said["rotate"]}
        for name in fetching:
            self.held[name] = self.people.rotate(self.held[name].id)
        self.answers = [self.answers, *(what for word, what in orders if word == "serve")][-1]
        self.withdrawn |= said["withdraw"]
        self.log = [row for name in PEOPLE for row in self._asked(name, fetching)]
        self._judge()
        self.costs = [self._paid(job, stopped=job in said["stop"]) for job in USUAL]
        self.day += 1

    def _asked(self, name, fetching):
        """The lines of the log about somebody's key, in their own hands and in a thief's."""
        work, theft = self.weeks["work"][name][self.day], self.weeks["thieves"].get(name, {}).get(self.day, [])
        if theft:
            self.copied.setdefault(name, self.held[name])
            yield from self._try(name, self.copied[name], theft, "harm")
        if work and name in fetching:
            self.tell("keys", "stood", name)
        elif work:
            yield from self._try(name, self.held[name], work, "stood")

    def _try(self, name, key, asked, kind):
        try:
            opened = self.identify(key.text).may(NEEDS[PEOPLE[name]])
        except BadCredential:
            opened = False
        if opened == (kind == "harm"):
            self.tell("keys", kind, name)
        return [[key.id, name, *each, opened] for each in asked]

    def _judge(self):
        """Which version answers, and what can be read."""
        versions = self.weeks["registry"]["versions"]
        if self.answers != newest_fine(versions, self.day):
            fine = self.day <= versions[self.answers - 1]["last"]
            self.tell("versions", "stood" if fine else "harm", f"version {self.answers}")
        new = self.weeks["new"]
        for name, each in new.items():
            if each["personal"] and each["from"] <= self.day and name not in self.withdrawn:
                self.tell("features", "harm", name)
        for name in sorted(self.withdrawn):
            if name not in new or not new[name]["personal"]:
                self.tell("features", "stood", name)

    def _paid(self, job, *, stopped):
        done, usd = self.weeks["bill"][self.day][job]
        first, more = self.spikes.get(job, (DAYS, 0.0))
        if stopped:
            if first < self.day:
                del self.spikes[job]
            self.tell("costs", "stood", job)
            return [job, 0.0, 0]
        if first <= self.day:
            self.tell("costs", "harm", job)
            usd = round(usd + more, 2)
        return [job, usd, done]


def live(weeks, desk):
    """Two weeks under a desk: by incident, the days of harm and those on which honest work stood still."""
    with tempfile.TemporaryDirectory() as folder:
        platform = Platform(weeks, folder)
        try:
            for _ in range(DAYS):
                morning = platform.morning()
                platform.live(in_order(desk(morning), morning, platform.held))
        finally:
            platform.people.close()
    return platform.lived


def in_order(orders, morning, held):
    """The orders as they can be carried out; fails for one that cannot."""
    require(isinstance(orders, (list, tuple)), f"a desk returns a list of orders, got {orders!r}")
    there = {
        "rotate": {key.id for key in held.values()} | set(morning["log"]["key"]),
        "serve": {version["version"] for version in morning["versions"]},
        "withdraw": set(morning["features"]),
        "stop": set(USUAL),
    }
    for order in orders:
        require(
            isinstance(order, (list, tuple)) and len(order) == 2 and isinstance(order[0], str) and order[0] in there,
            f'an order is a list such as ["stop", "batch"], got {order!r}; the words are {", ".join(there)}',
        )
        word, what = order
        require(
            isinstance(what, (str, int, np.integer)) and what in there[word],
            f"{word} {what!r}: there is none this morning, but {sorted(there[word])}",
        )
    return [tuple(order) for order in orders]


# %% id="results-desk" task=true
def desk(morning):
    """The orders of this morning."""
    orders = []
    ### BEGIN SOLUTION
    log = morning["log"]
    # equivalent: ReplaceComparisonOperator_Gt_NotEq ` != 1`: a key that was used was used from one network at least
    twice = (log.groupby(["key", "hour"])["network"].nunique() > 1).groupby("key").sum()
    orders += [["rotate", key] for key in twice[twice >= 2].index]
    newest = max(version["version"] for version in morning["versions"] if fine(version, morning))
    # equivalent: ReplaceComparisonOperator_NotEq_IsNot ` is not `: Python keeps one object for each small number
    if newest != morning["answers"]:
        orders.append(["serve", newest])
    # equivalent: ReplaceComparisonOperator_Eq_LtE ` <= "content"`: the search finds by content or by name
    # equivalent: ReplaceComparisonOperator_Eq_Is ` is "content"`: the same literal of one program is one object
    personal = {found.column for found in scan_frame(morning["features"]) if found.by == "content"}
    orders += [["withdraw", column] for column in sorted(personal)]
    costs = morning["costs"]
    # equivalent: ReplaceBinaryOperator_Div_FloorDiv ` // `: less than a dollar
    # equivalent: NumberReplacer `/ 1001`: less than a dollar
    # equivalent: NumberReplacer `/ 999`: less than a dollar
    over = costs["usd"] - costs["job"].map(morning["usual"]) * costs["done"] / 1_000
    # equivalent: ReplaceComparisonOperator_Gt_GtE ` >= SPARE_USD`: no job is over by that to the cent
    orders += [["stop", job] for job in costs["job"][over > SPARE_USD]]
    ### END SOLUTION
    return orders


### BEGIN SOLUTION
def fine(version, morning):
    """Whether a version may answer today."""
    try:
        load_verified(version["files"], version["model"], version["version"], morning["signers"])
    except ValueError:
        return False
    return not broken_rules(version, morning["exceptions"], morning["today"])


### END SOLUTION

# %% [markdown] id="home-desk"
# Here are two weeks of your own, beside two desks that are worth nothing. Expect from yours one day of harm for each stolen key and each job that forgot to end, because only yesterday's log can show them. Expect no day on which an honest colleague stood still,
# but for those on which one had to fetch a new key, or start a job anew.


# %% id="home-desk-lived"
def locks_everything(morning):
    """Rotates each key, withdraws each column, stops each job, and lets the oldest version answer."""
    orders = [["rotate", key] for key in morning["log"]["key"].unique()] + [["serve", 1]]
    return orders + [["withdraw", column] for column in morning["features"]] + [["stop", job] for job in USUAL]


my_weeks = two_weeks(np.random.default_rng(SEED))
desks = {"you": desk, "does nothing": lambda morning: [], "locks everything": locks_everything}
my_days = {name: live(my_weeks, each) for name, each in desks.items()}
for name, lived in my_days.items():
    for kind, found in lived.items():
        print(
            f"{name:17} {kind:9} days of harm {len(found['harm']):3}, honest days that stood still {len(found['stood']):3}"
        )

# %% id="picture-desk" folded=true
figure, axes = plt.subplots(1, 2, figsize=(9.0, 2.7), sharey=True)
kinds = list(my_days["you"])
for axis, side, title in zip(axes, ("harm", "stood"), ("days of harm", "honest days that stood still"), strict=True):
    for place, (name, colour) in enumerate(zip(my_days, (BLUE, ORANGE, GREY), strict=True)):
        axis.barh(
            np.arange(4) + 0.27 * (place - 1),
            [len(my_days[name][kind][side]) for kind in kinds],
            0.25,
            color=colour,
            label=name,
        )
    axis.set_title(title)
    axis.set_yticks(range(4), kinds)
    axis.xaxis.get_major_locator().set_params(integer=True)
axes[0].invert_yaxis()
figure.tight_layout(rect=(0, 0.08, 1, 1))
figure.legend(*axes[0].get_legend_handles_labels(), frameon=False, fontsize=8.5, loc="lower center", ncols=3)
plt.show()

# %% [markdown] id="after-desk"
# Who does nothing has no complaints from colleagues, until the letters come. Who locks everything meets as few thieves as you do, and has no customers and no colleagues left: a lock costs what it stops. The blue bars that are left are not
# mistakes. They are the price of noticing a day later, and only a faster look makes them shorter.

# %% id="results-keys-check" check="results-desk" points=8
chance = np.random.default_rng(seed())
found = live(two_weeks(chance), desk)["keys"]
given = "two weeks with two stolen keys, people who travel and somebody with a busy week"
require(len(found["harm"]) <= 2, f"{given}: the thieves were served on {len(found['harm'])} days, 2 are possible")
require(
    len(found["stood"]) <= 2,
    f"{given}: owners could not work on {len(found['stood'])} days, because of 2 new keys: {', '.join(found['stood'][:5])}",
)
### BEGIN HIDDEN TESTS
found = live(two_weeks(chance), desk)["keys"]
require(
    len(found["harm"]) <= 2, f"two other weeks: the thieves were served on {len(found['harm'])} days, 2 are possible"
)
require(len(found["stood"]) <= 2, f"two other weeks: owners could not work on {len(found['stood'])} days")
### END HIDDEN TESTS

# %% id="results-versions-check" check="results-desk code-policy code-load-verified" points=8
chance = np.random.default_rng(seed())
found = live(two_weeks(chance), desk)["versions"]
given = "two weeks in which versions arrive, an exception ends, files are changed and the pointer is moved"
expect(
    found["harm"],
    [],
    given=f"{given}; versions that answered and must not",
    slip="look at each of them each morning: yesterday's good one may not be good today",
)
expect(found["stood"], [], given=f"{given}; versions that answered though a newer one was fine")
### BEGIN HIDDEN TESTS
found = live(two_weeks(chance), desk)["versions"]
expect(
    found["harm"] + found["stood"], [], given="two other weeks; days on which the wrong version answered", secret=True
)
### END HIDDEN TESTS

# %% id="results-features-check" check="results-desk" points=7
chance = np.random.default_rng(seed())
found = live(two_weeks(chance), desk)["features"]
given = "two weeks in which four columns are new, two of them with phone numbers or mail addresses in some rows"
expect(found["harm"], [], given=f"{given}; what could be read of people")
### BEGIN HIDDEN TESTS
expect(
    found["stood"],
    [],
    given=f"{given}; columns that were withdrawn and are about nobody",
    slip="what stands in it, not what it is called",
)
### END HIDDEN TESTS

# %% id="results-costs-check" check="results-desk" points=7
chance = np.random.default_rng(seed())
found = live(two_weeks(chance), desk)["costs"]
given = "two weeks with two jobs that forget to end, a busy week, and a quiet weekend in each"
require(len(found["harm"]) <= 2, f"{given}: jobs ran on for nothing on {len(found['harm'])} days, 2 are possible")
### BEGIN HIDDEN TESTS
require(
    len(found["stood"]) <= 2,
    f"{given}: jobs stood still on {len(found['stood'])} days, 2 are needed: {', '.join(found['stood'][:5])}",
)
### END HIDDEN TESTS
# %% [markdown] id="report" half="practice" minutes=5
# ## 15 · Report: one memo for three letters
#
# **Minutes: 5**
#
# The letters still lie there. Below is the quarter that they ask about: the access log, the table that was published for a study, version 14 with its exceptions, and the month's bill. Answer with *one risk and cost memo* to whoever decides about money and people.
#
# First the evidence. Work it out with your own tools, do not type it:
#
# - `rights_gone`: how many rights, of all roles together, `least_privilege` takes away;
# - `named`: the share of the published rows that `named` names by ward, area and day;
# - `stopped_by`: what `broken_rules` says of the version on `quarter["today"]`;
# - `idle`: the share of the bill that was idle, and `per_thousand`: USD for 1,000 predictions of `"v3"`, both by `cost_report`;
# - `thief_days`: on how many days your desk let the thieves in, in `my_days`.


# %% id="quarter-tools" folded=true shared=true
def quarter_of(number):
    """What the three letters ask about."""
    chance = np.random.default_rng(number)
    duties = [["operator", "models:stage"], ["auditor", "data:read"]]
    grants, log = a_quarter(chance, WORK, MEMBERS, duties)
    register = land_register(chance, 400)
    work, bill = a_month(chance)
    today = date(2026, 11, 30)
    ended, good = chance.permutation(["known-data", "gates-passed", "model-card", "dependencies"]).tolist()[:2]
    version = a_version(14)
    version["found"] |= {ended: False, good: False}
    exceptions = [
        an_exception(version, ended, today, since=60, left=-int(chance.integers(1, 30))),
        an_exception(version, good, today, since=20, left=int(chance.integers(5, 40))),
    ]
    return {
        "grants": grants,
        "log": log,
        "duties": duties,
        "register": register,
        "published": without_names(chance, register),
        "version": version,
        "exceptions": exceptions,
        "today": today,
        "work": work,
        "bill": bill,
    }


# %% id="quarter"
quarter = quarter_of(SEED + 1)
for name, thing in quarter.items():
    print(f"{name:11}", f"{len(thing):,} rows" if isinstance(thing, pd.DataFrame) else str(thing)[:110])

# %% id="report-evidence" task=true
evidence = {
    "rights_gone": None,
    "named": None,
    "stopped_by": None,
    "idle": None,
    "per_thousand": None,
    "thief_days": None,
}
### BEGIN SOLUTION
keep = least_privilege(quarter["grants"], MEMBERS, quarter["log"], quarter["duties"])["keep"]
who = named(quarter["published"], quarter["register"], ["ward", "area_m2", "day"])
month = cost_report(quarter["work"], quarter["bill"])
evidence = {
    "rights_gone": sum(len(set(rights) - set(keep[role])) for role, rights in quarter["grants"].items()),
    "named": sum(person is not None for person in who) / len(who),
    "stopped_by": broken_rules(quarter["version"], quarter["exceptions"], quarter["today"]),
    "idle": month["idle"] / quarter["bill"]["cents"],
    "per_thousand": month["per_thousand"]["v3"],
    "thief_days": len(my_days["you"]["keys"]["harm"]),
}
### END SOLUTION

# %% id="report-evidence-check" check="report-evidence code-least-privilege code-reidentify code-policy code-cost-report results-desk" points=4
for key in ("rights_gone", "named", "stopped_by", "idle", "per_thousand", "thief_days"):
    require(evidence.get(key) is not None, f"evidence has no {key!r} yet")
### BEGIN HIDDEN TESTS
again = quarter_of(SEED + 1)
keep = least_privilege(again["grants"], MEMBERS, again["log"], again["duties"])["keep"]
gone = sum(right not in keep[role] for role, rights in again["grants"].items() for right in rights)
expect(evidence["rights_gone"], gone, given="rights that least_privilege takes away", secret=True)
who = named(again["published"], again["register"], ["ward", "area_m2", "day"])
share = sum(person is not None for person in who) / len(who)
expect(evidence["named"], share, given="the share of rows that named names", rel=1e-6, secret=True)
stop = broken_rules(again["version"], again["exceptions"], again["today"])
expect(evidence["stopped_by"], stop, given="what stops version 14 today", secret=True)
idle = 1 - again["work"]["core_hours"].sum() / again["bill"]["core_hours"]
expect(evidence["idle"], float(idle), given="idle as a share of the bill", abs_tol=1e-3, secret=True)
price = cost_report(again["work"], again["bill"])["per_thousand"]["v3"]
expect(evidence["per_thousand"], price, given="USD for 1,000 predictions of v3", rel=1e-6, secret=True)
days = len(live(two_weeks(np.random.default_rng(SEED)), desk)["keys"]["harm"])
expect(evidence["thief_days"], days, given="days on which your desk let the thieves in", secret=True)
### END HIDDEN TESTS

# %% [markdown] id="report-criteria"
# Then the memo, 150 to 220 words, for somebody who knows nothing of models and decides in five minutes. Quote the figures of `evidence`. A person marks it, two points for each row:
#
# | criterion | 0 | 1 | 2 |
# |---|---|---|---|
# | **Risk** | "The data are safe." | risks, without a figure or without who is hurt | the two greatest, with figures, who is hurt and how; what stops them today, and what is *not* stopped |
# | **Cost** | a total | the parts | where the money goes, idle apart; what 1,000 predictions cost and *what is in that figure*; what of it we do not know |
# | **Decision** | "Improve security." | measures | two or three, each with an owner, a date, and what it costs beside what it saves or prevents; and one risk that is accepted, by whom and until when |

# %% [markdown] id="report-text" points=6
# ### BEGIN SOLUTION
# **Risk.** The table published for the study has no names, and with the public register we named `named` of its rows: their owners can now be seen with their debts and divorces. Taking it back helps only against those who have not copied it. Second, keys: our roles hold `rights_gone` rights that nobody uses, so one stolen
# key opens far more than its owner needs. In the two weeks of the trial thieves got in on `thief_days` days, since only yesterday's log shows them. Not stopped: a thief who uses a key in its owner's office. Version 14 may not be promoted today: `stopped_by`, whose exception has ended.
#
# **Cost.** A share of `idle` of the bill was for machines that waited. 1,000 predictions of v3 cost `per_thousand` USD, training and its part of what is shared included, idle not. Storage and people's time are in none of these figures; one month says nothing about how costs scatter.
#
# **Decision.** Take the table back, publish months and areas in steps of 25 m² (Rita, 4 December; a day's work). Take the unused rights away after asking each role (Omar, 11th; two days). Halve the machines, with autoscaling (Ada, 18th; saves half of the idle money from January on). We accept that a theft is seen a day
# late, until the log is read hourly in March: granted by the head of operations.
# ### END SOLUTION

# %% [markdown] id="stretch" half="practice" minutes=0
# ## Going further (not scored)
#
# - **The bill of materials of this environment.** `from lib.governance.sbom import licences, packages, write_sbom`; write one, and answer two questions in a line each: which version of `jinja2` is here, and which packages declare no licence?
# - **A threat model of your own.** OWASP's ten risks of machine learning against the platform of your work, or this one: for each, what stops it, which test shows that, and *what is open*. A page on which nothing is open is not finished.
# - **A recogniser.** `find` in `lib.governance.privacy_find` knows some countries' national ids, each by its check digits. Write one for a country that is missing, with its check, and measure on 1,000 numbers made up at random how many it finds by mistake.
# - **The whole desk.** `make cost` measures a system at work and draws its bill; `python -m lib access --help` and `python -m lib policy --help` are the door and the rules of this lab, for real.

# %% id="stretch-here"
# Your experiment.

# %% [markdown] id="what-you-did"
# ## What you did
#
# - You can say who wants what, which lock stops whom, and what nothing stops.
# - You took rights away by evidence, and kept the rare ones that somebody will need at night.
# - You put names to a table that had none, and know what a hash hides and what it does not.
# - You wrote rules whose exceptions end, and a loader that reads nothing before it knows whose it is.
# - You split a bill that adds up to the cent, and know from when on a server pays.
# - Your desk met thieves, forgers, leaks and forgotten jobs, and everybody else could work.
#
# Six modules ago there was a recipe that worked once, at home. You now know how to cook it for many, every day, the same; how to notice when it is not; and how to answer when somebody asks who was in the kitchen, what was in it, and who pays. That is the whole craft.
