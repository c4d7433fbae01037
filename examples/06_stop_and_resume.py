"""Lesson 6: nothing that was paid for is lost. A run that reached its cap goes on from there, to the same result."""

import metatextgrad as mtg
from metatextgrad.core.errors import BudgetReachedError

settings = mtg.Context(steps=2)
whole = mtg.optimize("bbh/dyck_languages", settings=settings, workspace="whole")

capped = settings.model_copy(update={"max_calls": 150})
try:
    mtg.optimize("bbh/dyck_languages", settings=capped, run="capped", workspace="in_two")
except BudgetReachedError as reached:
    print(reached)
resumed = mtg.resume("capped", caps={"max_calls": None}, workspace="in_two")

print("the same findings:", resumed.findings == whole.findings)
print("the same number of calls:", resumed.usage["program"].calls == whole.usage["program"].calls)
