"""The vocabulary: programs, optimizers, tasks, scores, trials. Pure: no I/O, no LangGraph."""
