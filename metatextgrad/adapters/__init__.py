"""The ways between this project and LangChain's: programs as runnables, a tool for agents, runs that are on record."""
