"""Lesson 16: a person has the last word. What would be accepted waits for them; here the answers are in the script.

On the command line: `metatextgrad run ... --approve optimizers`.
"""

import metatextgrad as mtg
from metatextgrad.core.errors import ApprovalNeededError

settings = mtg.Context(seed=1, steps=2, approve="programs")


def person(asked: mtg.Approval) -> mtg.Decision:
    """Approve in the process that runs: read the difference, then say yes, no, or write it better."""
    changed = [line for line in asked.diff.splitlines()[2:] if line[0] in "+-"]
    print(f"{asked.path} step {asked.step}: {asked.best:.2f} -> {asked.score:.2f}, {len(changed)} lines changed")
    if asked.step > 1:
        return mtg.Decision(decision="reject", reason="mine is good enough")
    value = asked.value
    value["components"][0]["instructions"] += "\nCheck that every word of the list is there exactly once."
    return mtg.Decision(decision="edit", reason="words get lost", value=value)  # it is scored before it counts


result = mtg.optimize("bbh/word_sorting", settings=settings, on_approval=person)
print(f"with a say: {result.score:.2f}")

try:  # Nobody at hand: the run waits, also over the end of the process.
    mtg.optimize("bbh/word_sorting", settings=settings, run="waits")
except ApprovalNeededError as waiting:
    print(waiting)
    print("\n".join(waiting.approvals[0].diff.splitlines()[:8]))

while True:  # later, elsewhere
    try:
        result = mtg.resume("waits", decision="approve")
        break
    except ApprovalNeededError:
        continue
print(f"all approved: {result.score:.2f}")

# Another way from a step of that run on; what was paid for before is not paid for again.
forked = mtg.fork("waits", at="tgd:1", settings={"approve": "none", "steps": 3})
print(f"forked after step 1, with one step more: {forked.score:.2f}, {forked.usage['program'].calls} new program calls")
print("SIMULATED: these scores say nothing about real models." if result.simulated else "")
