"""The state machines: wiring only. Each file reads like its drawing; `build_*` returns the graph uncompiled."""
