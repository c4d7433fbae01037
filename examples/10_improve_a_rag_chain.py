"""Lesson 10: improve a RAG chain: the text that makes the search words, and the one that answers from what was found.

The chain stays yours. Feedback reaches each of its texts by way of what happened: the calls, and what was retrieved.
"""

from typing import Any

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

import metatextgrad as mtg
from metatextgrad.runtime.simulated.lessons import lesson_models

PAGES = {
    "refund": "A refund takes 14 days.",
    "warranty": "The warranty lasts 24 months.",
    "return": "A return is free within 30 days.",
    "voucher": "A voucher is valid for 36 months.",
    "repair": "A repair takes 5 days.",
    "exchange": "An exchange costs 3 euros.",
}


def build(texts: dict[str, str], model: Any) -> Any:
    ask = ChatPromptTemplate.from_messages([("system", texts["search"]), ("human", "{question}")]) | model
    search = ask | StrOutputParser() | RunnableLambda(lambda words: PAGES.get(words.strip(), "Nothing was found."))
    answer = ChatPromptTemplate.from_messages([("system", texts["answer"]), ("human", "{page}\n{question}")])
    return RunnablePassthrough.assign(page=search) | answer | model | StrOutputParser()


def think(messages: Any, tools: Any) -> str:
    """Stand in for a model: it searches by one word when told to, and repeats the page when told to. SIMULATED."""
    told, asked = messages[0].text, messages[1].text
    if "earch" in told:
        words = asked.strip("?").split()
        return words[-1] if "noun alone" in told else " ".join(words)
    page = asked.partition("\n")[0]
    return page if "page says" in told else f"I believe that it is so. {page[:12]}"


def metric(prediction: str, example: mtg.Example) -> tuple[float, str]:
    if "Nothing" in prediction:
        return 0.0, "The search finds pages by the noun alone."
    right = example.target in prediction  # finding the page counts half: a score that is all or nothing shows no way
    return (1.0, "") if right else (0.5, "The answer must be what the page says.")


asked = [mtg.Example(id=word, input=f"What about the {word}?", target=page) for word, page in PAGES.items()]
chain = mtg.Program.from_runnable(
    build, {"search": "Search for pages.", "answer": "You answer customers."}, purpose="answers from pages", calls=2
)
task = mtg.Task("pages", "questions on the shop", chain, tuple(asked[:2]), tuple(asked[2:4]), tuple(asked[4:]), metric)

result = mtg.optimize(task, models=lesson_models(think), settings=mtg.Context(steps=4))
for row in result.findings.rows:
    print(f"{row.name:10} validation {row.val.score:.2f}  (SIMULATED)")
print(mtg.texts_of(result.program))
