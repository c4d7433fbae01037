"""What nodes stand on: settings, models, the ledger of calls, the meter, the workspace, the program interpreter."""
