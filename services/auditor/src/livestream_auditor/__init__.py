"""The auditor: works the read model out anew from the log, and compares it with everything that is shown."""
